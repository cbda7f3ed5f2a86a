package jobs

import (
	"context"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// A span is how long a model stays in memory, and how often that is renewed.
type span struct {
	from  time.Time     // the last use or renewal
	keep  time.Duration // how long it stays behind that, 0 = not known
	every time.Duration // how often it is renewed at least
}

// The bounds of pings.
const (
	leastBetween = 250 * time.Millisecond
	mostMargin   = 30 * time.Second
	shortest     = 10 * time.Second          // a keep_alive of clients that is less is not kept up by pings
	forGood      = 10 * 365 * 24 * time.Hour // what stays that long needs no ping
)

// margin is how long before its end a model is renewed.
func (s span) margin() time.Duration { return min(s.keep/2, mostMargin) }

// needed says whether pings are of any use: not where the model stays for good, nor where it is to go at once.
func (s span) needed() bool {
	return s.every > 0 && s.keep < forGood && (s.keep == 0 || s.keep >= 2*leastBetween)
}

// pause is the time between two renewals.
func (s span) pause() time.Duration {
	if s.keep == 0 {
		return s.every
	}
	return max(min(s.every, s.keep-s.margin()), leastBetween)
}

// soon is the time until it is tried again where that came to nothing.
func (s span) soon() time.Duration {
	if s.keep == 0 {
		return min(s.every, mostMargin)
	}
	return max(s.margin()/4, leastBetween)
}

// next is when it is to be renewed.
func (s span) next() time.Time { return s.from.Add(s.pause()) }

// over says whether the model has gone by now: to ping it would bring it back.
func (s span) over(now time.Time) bool { return s.keep > 0 && !now.Before(s.from.Add(s.keep)) }

// reckon is how long a model stays, from what requests have said and what the last look has shown of it, nil = nothing.
// Clocks may differ, so what was said counts, unless somebody else has clearly said less since.
func (r *resident) reckon(f *fleet.Facts, m *fleet.Model, looked time.Time, every time.Duration) span {
	s := span{from: f.Used, keep: f.Kept, every: every}
	if s.from.IsZero() {
		s.from = r.came
	}
	if m != nil && f.InFlight == 0 && !looked.Before(s.from) {
		shown := m.ExpiresAt.Sub(s.from)
		switch {
		case shown <= 0:
		case s.keep > 0 && shown < s.keep-clocks:
			s.keep = shown
		case s.keep == 0 && (r.keeps == 0 || shown < r.keeps):
			r.keeps = shown
		}
	}
	if s.keep == 0 {
		s.keep = r.keeps
	}
	return s
}

// ping renews the models that are due and tells when the next is.
func (h *house) ping(ctx context.Context, state *fleet.State, now time.Time) (due time.Time) {
	for _, r := range h.residents {
		at := h.pingAt(r, state, now)
		switch {
		case at.IsZero():
		case at.After(now):
			due = earlier(due, at)
		case !state.Looked.After(h.disturbed(r)) || now.Sub(state.Looked) > fresh && state != h.peek:
			due = earlier(due, h.lookFirst(ctx, r, now))
		default:
			h.renew(ctx, r, state, now)
		}
	}
	return due
}

// disturbed is when another model last began to load, or came: this one may have had to make room.
func (h *house) disturbed(r *resident) (at time.Time) {
	h.server.EachFacts(func(key string, f *fleet.Facts) {
		for _, t := range []time.Time{f.Loading, f.Came} {
			if key != r.key && t.After(at) {
				at = t
			}
		}
	})
	return at
}

// fresh is how old a look may be that a ping relies on.
const fresh = time.Second

// lookFirst has the server looked at before a ping: what has left is not to be brought back, nor is what others
// have loaded anew to be loaded again. A load has a moment to make room before that.
func (h *house) lookFirst(ctx context.Context, r *resident, now time.Time) (due time.Time) {
	for _, t := range []time.Time{h.disturbed(r), r.peeked} {
		if at := t.Add(leastBetween); at.After(now) {
			return at
		}
	}
	r.pinging, r.peeked = true, now
	h.do(ctx, func() func() {
		h.server.LookNow(ctx, lookWithin)
		state := h.server.State()
		return func() { r.pinging, h.peek = false, state }
	})
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// pingAt is when a model is to be renewed, or looked at again; zero = not before something changes.
func (h *house) pingAt(r *resident, state *fleet.State, now time.Time) time.Time {
	f := h.server.Facts(r.key)
	if h.opts.Ping == 0 || r.pinging || r.asleep || h.loading == r || !r.was || !f.Loaded(state, r.key) {
		return time.Time{}
	}
	m := state.Running(r.key)
	if state == r.before {
		m = nil
	}
	s := r.reckon(f, m, state.Looked, h.opts.Ping)
	switch {
	case !s.needed() || f.Unloaded.After(r.slept):
		return time.Time{}
	case f.InFlight > 0 || f.Held > 0 || !f.Loading.IsZero(): // its end renews it
		return now.Add(s.pause())
	case s.over(now):
		if r.looked.Before(s.from) {
			r.looked = s.from
			h.server.LookAgain()
		}
		return time.Time{}
	}
	at := s.next()
	if again := r.pinged.Add(s.soon()); r.pinged.After(s.from) && again.After(at) {
		return again // the last one came to nothing
	}
	return at
}

// renew says again how long a model is to stay.
func (h *house) renew(ctx context.Context, r *resident, state *fleet.State, now time.Time) {
	r.pinging, r.pinged, r.before = true, now, state
	what := h.loadOf(r, state)
	f := h.server.Facts(r.key)
	runner, known := f.Runs(state, r.key, ollama.Runner{NumCtx: r.Wish.NumCtx.Value})
	if !known {
		r.pinging = false
		return
	}
	what.Runner = runner
	if !what.Keep.Said() && f.Kept > 0 && f.Kept < shortest { // a client has said so, and would have it pinged all the time
		what.Keep = rewrite.Rule[rewrite.KeepAlive]{Value: rewrite.KeepAlive(h.opts.Ping + mostMargin), Force: rewrite.Default}
	}
	h.do(ctx, func() func() {
		err := h.opts.Loader.Renew(ctx, what)
		over := time.Now()
		return func() {
			r.pinging, r.ours = false, over
			h.opts.Log.Debug("ping", "model", r.label, "server", h.server.ID(), "num_ctx", what.Runner.NumCtx)
			if err != nil {
				h.opts.Log.Debug("ping failed", "model", r.label, "server", h.server.ID(), "reason", err.Error())
			}
		}
	})
}
