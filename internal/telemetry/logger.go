package telemetry

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// levels are slog's for the names operators use. Panic and fatal come from
// the first gollamas; nothing is logged at either, so they are the two ways to say silence.
var levels = map[string]slog.Level{
	"panic": slog.LevelError + 8, "fatal": slog.LevelError + 4, "error": slog.LevelError,
	"warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": slog.LevelDebug - 4,
}

// harmless takes control characters out of what a terminal is shown: a model's
// name or a server's error could steer it. JSON escapes them itself.
func harmless(a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(visible(a.Value.String()))
	case slog.KindAny:
		if list, ok := a.Value.Any().([]string); ok {
			list = slices.Clone(list)
			for i := range list {
				list[i] = visible(list[i])
			}
			a.Value = slog.AnyValue(list)
		}
	}
	return a
}

func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}

// NewLeveled is NewLogger, and a function that sets another level.
func NewLeveled(w io.Writer, level string) (*slog.Logger, func(level string)) {
	at := &slog.LevelVar{}
	at.Set(levels[level])
	return newLogger(w, at), func(level string) { at.Set(levels[level]) }
}

// NewLogger writes to w: text for a person where w is a terminal, JSON
// otherwise. In JSON a duration is a number of nanoseconds, as log/slog has it.
// The level is one of config.Levels.
func NewLogger(w io.Writer, level string) *slog.Logger { return newLogger(w, levels[level]) }

func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{
			Level:      level,
			TimeFormat: time.TimeOnly,
			NoColor:    os.Getenv("NO_COLOR") != "",

			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return harmless(a) },
		}))
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
