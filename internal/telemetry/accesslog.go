// Package telemetry tells what happened: each part is a func(proxy.Exchange).
package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/proxy"
)

// AccessLog writes one line for each exchange. Servers stand in it by their
// ID; a prompt never does.
func AccessLog(log *slog.Logger) func(proxy.Exchange) {
	return func(x proxy.Exchange) {
		level := severity(x)
		if !log.Enabled(context.Background(), level) {
			return
		}
		attrs := make([]slog.Attr, 0, 22)
		attrs = append(attrs,
			slog.String("id", x.ID),
			slog.String("client", x.Client),
			slog.String("endpoint", x.Method+" "+x.Endpoint),
			slog.Int("status", x.Status),
			slog.Duration("total", round(x.Total)))
		if x.Key != "" {
			attrs = append(attrs, slog.String("key", x.Key))
		}
		attrs = appendModel(attrs, x)
		if x.Queued > noticeable {
			attrs = append(attrs, slog.Duration("queued", round(x.Queued)))
		}
		if x.Loading > noticeable {
			attrs = append(attrs, slog.Duration("loading", round(x.Loading)))
		}
		if x.First > 0 {
			attrs = append(attrs, slog.Duration("first_byte", round(x.First)))
		}
		attrs = append(attrs, slog.Int64("bytes_in", x.BytesIn), slog.Int64("bytes_out", x.BytesOut))
		if x.Usage.Said {
			attrs = append(attrs, slog.Int("prompt_tokens", x.Usage.Prompt), slog.Int("answer_tokens", x.Usage.Answer))
		}
		if x.Gone {
			attrs = append(attrs, slog.Bool("client_left", true))
		}
		if x.Err != "" {
			attrs = append(attrs, slog.String("error", clip(x.Err)))
		}
		log.LogAttrs(context.Background(), level, "request", attrs...)
	}
}

func appendModel(attrs []slog.Attr, x proxy.Exchange) []slog.Attr {
	if x.Asked == "" && x.Server == "" && len(x.Attempts) == 0 {
		return attrs
	}
	if x.Asked != "" || !x.Spread { // a file's request names none
		attrs = append(attrs, slog.String("model", clip(x.Asked)))
	}
	if x.Sent != "" && x.Sent != x.Asked {
		attrs = append(attrs, slog.String("sent", x.Sent))
	}
	if x.Server != "" {
		attrs = append(attrs, slog.String("server", x.Server))
	}
	switch {
	case x.Spread && len(x.Attempts) > 1:
		attrs = append(attrs, slog.Any("servers", servers(x.Attempts)))
	case len(x.Attempts) > 0:
		attrs = append(attrs, slog.Int("attempts", len(x.Attempts)))
	}
	if load, fault := cost(x.Attempts); load != fleet.LoadNone {
		attrs = append(attrs, slog.String("load", load.String()))
		if fault != "" {
			attrs = append(attrs, slog.String("reload", fault))
		}
	}
	if failed := failures(x.Attempts); len(failed) > 0 {
		attrs = append(attrs, slog.Any("failed", failed))
	}
	return attrs
}

// cost is the load that the answer cost its server, and of one for other options the option for which. What
// was refused, or never arrived, has begun none.
func cost(all []proxy.Attempt) (load fleet.Load, fault string) {
	if len(all) == 0 {
		return fleet.LoadNone, ""
	}
	last := all[len(all)-1]
	if last.Why != proxy.WhyServed || last.Status >= http.StatusMultipleChoices {
		return fleet.LoadNone, ""
	}
	return last.Load, last.Fault
}

// noticeable is how long a request must have waited, for a place or a load, to be told: finding one takes microseconds.
const noticeable = time.Millisecond

// servers names those that were asked.
func servers(all []proxy.Attempt) []string {
	var out []string
	for _, a := range all {
		out = append(out, a.Server)
	}
	return out
}

// failures lists the attempts that led nowhere, and why.
func failures(all []proxy.Attempt) []string {
	var out []string
	for _, a := range all {
		if a.Err != "" {
			out = append(out, a.Server+": "+a.Err)
		}
	}
	return out
}

// severity is high for what an operator must look at: not for a client's own mistakes.
func severity(x proxy.Exchange) slog.Level {
	switch {
	case x.Status >= 500 || x.Err != "" && x.Status < 400:
		return slog.LevelError
	case len(x.Attempts) > 1 && !x.Spread, x.Spread && len(failures(x.Attempts)) > 0:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// round keeps three digits or so: nobody reads nanoseconds.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}

// clip bounds what came from outside.
func clip(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
