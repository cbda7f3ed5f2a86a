package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// StatusGone is what an exchange says where the client left before there was
// an answer; Ollama uses the same number.
const StatusGone = 499

// ErrStopping is the cause of a context that ended because gollamas ends, not because its client left.
var ErrStopping = errors.New("gollamas is stopping")

// left says that the client has left.
func left(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrStopping)
}

// An Engine carries requests. Its zero value is ready.
type Engine struct {
	pools sync.Map // *fleet.Server → *pool
}

// Run closes connections that have not been used for a while, until ctx ends;
// then all that are idle, and every other as its answer ends.
func (e *Engine) Run(ctx context.Context) {
	tick := time.NewTicker(idleTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			e.sweep(true)
			return
		case <-tick.C:
			e.sweep(false)
		}
	}
}

func (e *Engine) sweep(last bool) {
	before := time.Now().Add(-idleTime)
	e.pools.Range(func(_, p any) bool {
		p.(*pool).sweep(before, last)
		return true
	})
}

func (e *Engine) pool(s *fleet.Server) *pool {
	if p, ok := e.pools.Load(s); ok {
		return p.(*pool)
	}
	p, _ := e.pools.LoadOrStore(s, &pool{server: s})
	return p.(*pool)
}

// Carry asks the job's servers in order and gives the client the first answer
// that stands; where all fail, the first one's, as it was. What happened goes
// into x. It reports false where the answer broke off in a way the client can
// only be told of by ending its connection. The job is used up by it.
func (e *Engine) Carry(ctx context.Context, w http.ResponseWriter, job *Job, x *Exchange) (whole bool) {
	var kept *failure
	retried := false
	for i, s := range job.Servers {
		a, sent, err := e.ask(ctx, s, job)
		out := outcome{unsent: !sent, gone: ctx.Err() != nil, changes: job.Changes, retried: retried}
		at := Attempt{Server: s.ID()}
		switch {
		case out.gone && err != nil:
			at.Err = "not waited for any longer"
		case err != nil:
			at.Err = fleet.Reason(err)
		default:
			at.Status, out.status = a.status, a.status
		}
		if out.stale() {
			s.LookAgain()
		}
		more := out.tryNext() && i+1 < len(job.Servers)
		if err == nil && (!out.failed() || kept == nil && !more) {
			x.Attempts = append(x.Attempts, at)
			job.Body = nil // it is not sent again; an answer may take minutes
			return e.deliver(ctx, w, job, s, a, x)
		}
		if err == nil {
			at.Err = http.StatusText(a.status)
		}
		x.Attempts = append(x.Attempts, at)
		retried = retried || out.status == http.StatusInternalServerError
		if kept = kept.orKeep(s, a); !more {
			break
		}
	}
	return e.giveUp(ctx, w, job, kept, x)
}

// giveUp answers where no server did: with the first failing answer, or an error of ours.
func (e *Engine) giveUp(ctx context.Context, w http.ResponseWriter, job *Job, kept *failure, x *Exchange) bool {
	switch {
	case left(ctx):
		x.Status, x.Gone = StatusGone, true
		return false // with nothing written, net/http would say 200
	case ctx.Err() != nil:
		WriteError(w, job.Dialect, http.StatusServiceUnavailable, ErrStopping.Error(), x)
		return true
	}
	if kept != nil && !(kept.status == http.StatusNotFound && silent(x.Attempts)) {
		kept.write(w, x)
		return true
	}
	last := x.Attempts[len(x.Attempts)-1]
	text := fmt.Sprintf("no server answered for model %q: %s", x.Asked, attemptsText(x.Attempts))
	x.Err = fmt.Sprintf("%s: %s", last.Server, last.Err)
	WriteError(w, job.Dialect, http.StatusBadGateway, text, x)
	return true
}

// silent says that a server gave no answer at all. Then another's 404 does not
// mean that the model is nowhere; the ollama command would pull it.
func silent(all []Attempt) bool {
	return slices.ContainsFunc(all, func(a Attempt) bool { return a.Status == 0 })
}

// attemptsText names each server that was asked and why it did not serve.
func attemptsText(all []Attempt) string {
	text := ""
	for i, a := range all {
		if i > 0 {
			text += "; "
		}
		text += a.Server + ": " + a.Err
	}
	return text
}

// deliver passes an answer on as it comes.
func (e *Engine) deliver(ctx context.Context, w http.ResponseWriter, job *Job, s *fleet.Server, a *answer, x *Exchange) bool {
	x.Server, x.Status, x.First = s.ID(), a.status, time.Since(x.Start)
	d := delivery{w: w, answer: a, ending: ollama.Ending{Framing: a.framing(), Native: job.Dialect == ollama.Native}, x: x}
	if job.Whole && d.ending.Framing == ollama.NDJSON {
		d.ending.Framing = ollama.JSON
	}
	passHead(w.Header(), a.header, job.Echo != "" || d.ending.Framing.Stream())
	w.Header()["X-Gollamas-Server"] = []string{x.Server}
	w.WriteHeader(a.status)
	if job.Echo != "" && d.ending.Framing != ollama.Opaque {
		d.echo = ollama.NewEcho(d.ending.Framing, job.Model, job.Echo)
	}
	_ = a.conn.SetReadDeadline(time.Time{}) // that of a failing answer: now it is the client's
	err := d.run()
	x.Usage = ollama.UsageIn(d.ending.Tail())
	if err != nil {
		a.drop()
	} else {
		a.finish()
	}
	if job.Changes && err == nil { // before the client hears the end, and asks for what it has just pulled
		s.LookNow(ctx, longestLook)
	}
	return d.settle(ctx, job, err)
}

// longestLook is how long the end of an answer that changed a server waits for the lists.
const longestLook = 2 * time.Second
