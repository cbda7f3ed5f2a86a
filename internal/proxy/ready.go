package proxy

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// ready waits until the model is loaded on the server that was claimed.
func (c *carrying) ready(ctx context.Context, turn *fleet.Turn) error {
	if c.job.Ready == nil {
		return nil
	}
	from := time.Now()
	err := c.job.Ready(ctx, turn)
	c.x.Loading += time.Since(from)
	return err
}

// unready ends an attempt whose model could not be loaded. The load has been judged by whoever
// had the server do it: many may wait for one.
func (c *carrying) unready(ctx context.Context, turn *fleet.Turn, at Attempt, err error) (whole, over bool) {
	var load *fleet.LoadError
	var busy *fleet.Busy
	out := outcome{gone: ctx.Err() != nil, changes: c.job.Changes, loading: true}
	switch {
	case errors.As(err, &busy):
		at.Err, at.Why = "its model is not loaded yet", WhyLoading
		c.x.Attempts = append(c.x.Attempts, at)
		turn.Abandon()
		c.kept = nil // there is more hope in that load than in what another server has said
		return c.giveUp(ctx, err), true
	case out.gone || !errors.As(err, &load):
		out.gone = true
		at.Err = "not waited for any longer"
	default:
		out.status, out.unsent, out.stalled = load.Status, load.Unsent, load.Stalled
		at.Status, at.Err = load.Status, cmp.Or(load.Text, http.StatusText(load.Status))
		if load.Status != 0 {
			c.kept = cmp.Or(c.kept, unloaded(turn.Server, c.job.Dialect, load))
		}
	}
	at.Why, c.last = out.why(), out
	c.x.Attempts = append(c.x.Attempts, at)
	turn.Abandon()
	if !out.tryNext() {
		return c.giveUp(ctx, nil), true
	}
	return false, false
}

// unloaded is the answer that the client would have had, had its own request been the one to have
// the model loaded.
func unloaded(s *fleet.Server, d ollama.Dialect, e *fleet.LoadError) *failure {
	body, kind := ollama.ErrorBody(d, e.Status, e.Text), "application/json; charset=utf-8"
	if d != ollama.Native { // as Ollama's handlers there write it
		body, kind = append(body, '\n'), "application/json"
	}
	return &failure{server: s, status: e.Status, header: http.Header{"Content-Type": {kind}}, body: body}
}

// askAs sends the job to a server, as that is to get it. Where the server lacks a model that
// gollamas has made there, it is asked once more, for another.
func (c *carrying) askAs(ctx context.Context, turn *fleet.Turn) (*Sending, *answer, bool, error) {
	as := c.job.For(turn.Server)
	a, sent, err := c.ask(ctx, turn, c.job, &as)
	if err == nil && a.status == http.StatusNotFound && as.Missing != nil && ctx.Err() == nil {
		a.finish()
		as.Missing(ctx)
		as = c.job.For(turn.Server)
		a, sent, err = c.ask(ctx, turn, c.job, &as)
	}
	return &as, a, sent, err
}
