package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
	e.pools.Range(func(s, p any) bool {
		p.(*pool).sweep(before, last)
		if s.(*fleet.Server).Left() {
			e.pools.Delete(s)
		}
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
	c := carrying{Engine: e, w: w, job: job, x: x}
	if job.Comments > 0 {
		p := beat(w, job, x)
		c.w = p
		defer p.end()
	}
	for {
		from := time.Now()
		turn, err := job.Next(ctx, c.hope())
		x.Queued += time.Since(from)
		if turn == nil {
			return c.giveUp(ctx, err)
		}
		if whole, over := c.try(ctx, turn); over {
			return whole
		}
	}
}

// A carrying is one request on its way from server to server.
type carrying struct {
	*Engine
	w       http.ResponseWriter
	job     *Job
	x       *Exchange
	kept    *failure    // the first failing answer
	suspect *fleet.Turn // whose 500 may be its own fault: the next server's answer shows it
	said    string      // the text of that
	retried bool        // a 500 was passed over
	doubt   bool        // which may have been the request's own fault
	last    outcome
}

// hope is what other servers are worth, after what has been answered.
func (c *carrying) hope() fleet.Hope {
	switch {
	case c.doubt:
		return fleet.HopeNone
	case c.kept == nil || c.kept.status == http.StatusNotFound:
		return fleet.HopeAll
	}
	return fleet.HopeSome
}

// try asks one server. over: the client has had its answer, or there is to be none.
func (c *carrying) try(ctx context.Context, turn *fleet.Turn) (whole, over bool) {
	defer turn.Abandon()
	at := Attempt{Server: turn.Server.ID(), Place: turn.Server.Connection(), Load: turn.Load, Fault: turn.Fault, Avoids: turn.Avoids}
	if err := c.ready(ctx, turn); err != nil {
		return c.unready(ctx, turn, at, err)
	}
	as, a, sent, err := c.askAs(ctx, turn)
	if err == nil && a.empty() {
		a.finish()
		err = errEmpty
	}
	out := outcome{unsent: !sent, gone: ctx.Err() != nil, changes: c.job.Changes, retried: c.retried}
	var stall *errStalled
	out.stalled = errors.As(err, &stall)
	switch {
	case out.gone && err != nil:
		at.Err = "not waited for any longer"
	case err != nil:
		at.Err = fleet.Reason(err)
	default:
		at.Status, out.status, at.First = a.status, a.status, time.Since(turn.Began())
	}
	at.Why, c.last = out.why(), out
	if out.stale() {
		turn.Server.LookAgain()
	}
	if err == nil && a.status >= http.StatusBadRequest && as.Unsay != nil {
		a.reword(as.Unsay, maxKept)
	}
	if err == nil && a.status < http.StatusMultipleChoices && as.Reword != nil {
		a.reword(as.Reword, maxReworded)
	}
	if err == nil && (!out.failed() || c.kept == nil && !(out.tryNext() && turn.Spare)) {
		c.x.Attempts = append(c.x.Attempts, at)
		return c.deliver(ctx, turn, a, as, out), true
	}
	text := at.Err
	if err == nil {
		at.Err, text = http.StatusText(a.status), ""
		if f := keep(turn.Server, a); f != nil {
			text = ollama.ErrorText(f.body)
			at.Err = cmp.Or(text, at.Err)
			c.kept = cmp.Or(c.kept, f)
		}
	}
	c.x.Attempts = append(c.x.Attempts, at)
	c.over(turn, out, text, err)
	c.retried = c.retried || out.status == http.StatusInternalServerError
	if !out.tryNext() {
		return c.giveUp(ctx, nil), true
	}
	return false, false
}

// over ends an attempt that led nowhere.
func (c *carrying) over(turn *fleet.Turn, out outcome, text string, err error) {
	verdict := out.verdict(text)
	if out.gone || out.unsent && fleet.Ours(err) {
		verdict = fleet.Neutral
	}
	text = cmp.Or(text, http.StatusText(out.status))
	turn.End(time.Now(), fleet.Outcome{Verdict: verdict, Reason: text})
	if out.status == http.StatusInternalServerError && verdict == fleet.Neutral && c.suspect == nil {
		c.suspect, c.said, c.doubt = turn, text, true
	}
}

// giveUp answers where no server did: with the first failing answer, or an error of ours.
func (c *carrying) giveUp(ctx context.Context, err error) bool {
	w, job, x := c.w, c.job, c.x
	switch {
	case left(ctx):
		x.Status, x.Gone = StatusGone, true
		return false // with nothing written, net/http would say 200
	case ctx.Err() != nil:
		WriteError(w, job.Dialect, http.StatusServiceUnavailable, ErrStopping.Error(), x)
		return true
	}
	if c.kept != nil && !(c.kept.status == http.StatusNotFound && silent(x.Attempts)) {
		c.kept.write(w, x)
		return true
	}
	var busy *fleet.Busy
	if errors.As(err, &busy) {
		w.Header()["Retry-After"] = []string{strconv.Itoa(int(busy.RetryAfter.Seconds()))}
		WriteError(w, job.Dialect, http.StatusServiceUnavailable, busy.Why, x)
		return true
	}
	if len(x.Attempts) == 0 {
		WriteError(w, job.Dialect, http.StatusServiceUnavailable, fmt.Sprintf("there is no server for model %q now", x.Asked), x)
		return true
	}
	last := x.Attempts[len(x.Attempts)-1]
	text := fmt.Sprintf("no server answered for model %q: %s", x.Asked, attemptsText(x.Attempts))
	x.Err = fmt.Sprintf("%s: %s", last.Server, last.Err)
	status := http.StatusBadGateway
	if c.last.stalled {
		status = http.StatusGatewayTimeout
	}
	WriteError(w, job.Dialect, status, text, x)
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
func (c *carrying) deliver(ctx context.Context, turn *fleet.Turn, a *answer, as *Sending, out outcome) bool {
	job, x, s := c.job, c.x, turn.Server
	job.For, job.Ready, job.Next, as.Body = nil, nil, nil, nil // it is not sent again, and an answer may take minutes
	now := time.Now()
	x.Sent = as.Model
	x.Server, x.Place, x.Status, x.First = s.ID(), s.Connection(), a.status, now.Sub(x.Start)
	d := delivery{w: c.w, answer: a, ending: ollama.Ending{Framing: a.framing(), Native: job.Dialect == ollama.Native}, x: x}
	if job.Whole && d.ending.Framing == ollama.NDJSON {
		d.ending.Framing = ollama.JSON
	}
	stream := d.ending.Framing.Stream()
	x.Streamed = stream
	if a.status < 300 {
		turn.Answered(now, stream)
		if c.suspect != nil {
			c.suspect.Blame(now, c.said)
		}
	}
	echo := job.Asked != "" && as.Model != job.Asked
	passHead(c.w.Header(), a.header, echo || stream || as.Unsay != nil || as.Reword != nil)
	c.w.Header()["X-Gollamas-Server"] = []string{x.Server}
	c.w.WriteHeader(a.status)
	if echo && d.ending.Framing != ollama.Opaque {
		d.echo = ollama.NewEcho(d.ending.Framing, as.Model, job.Asked)
	}
	switch {
	case job.Changes:
		a.conn.in.patience.end()
	case !a.ended && !a.body.done:
		a.conn.awaitNext(turn, turn.NextWithin())
	}
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
	whole := d.settle(ctx, job, err)
	turn.End(time.Now(), d.outcome(ctx, out, err, stream))
	return whole
}

// longestLook is how long the end of an answer that changed a server waits for the lists.
const longestLook = 2 * time.Second
