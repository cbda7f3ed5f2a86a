package jobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// lookWithin is how long to wait for a look behind a load.
const lookWithin = 10 * time.Second

// preload has the smallest of the models that are to come loaded, if any can be now: one at a time,
// and never while the server loads something else.
func (h *house) preload(ctx context.Context, state *fleet.State, now time.Time) {
	if h.loading != nil || h.underWay() || !h.server.Breaker().Lets(now) {
		return
	}
	here := h.guests(state)
	for _, r := range h.bySize(state) {
		if h.may(r, here, state, now) {
			h.load(ctx, r, state)
			return
		}
	}
	for _, r := range h.residents {
		if has := h.otherwise(r, state, now); has > 0 {
			r.righted, r.rights = has, r.rights+1
			r.right = now.Add(pause(r.rights))
			h.opts.Log.Info("a preloaded model has another context than the rule says: it is loaded again, for nobody uses it",
				"model", r.label, "server", h.server.ID(), "num_ctx", has, "rule", r.Wish.NumCtx.Value)
			h.load(ctx, r, state)
			return
		}
	}
}

// otherwise is the context that a model is loaded with, where that is another than a rule says, nobody uses it, and
// it has not been tried for just that before; 0 = all is well. A default is for requests that say nothing: what anybody has
// asked for stays.
func (h *house) otherwise(r *resident, state *fleet.State, now time.Time) int {
	m, f, rule := state.Running(r.key), h.server.Facts(r.key), r.Wish.NumCtx
	if !r.was || m == nil || rule.Force != rewrite.Enforced || m.NumCtx == 0 || now.Before(r.again) {
		return 0
	}
	if f.Suits(state, r.key, ollama.Runner{NumCtx: rule.Value}) {
		if r.righted = 0; now.Sub(r.right) > steady {
			r.rights = 0
		}
		return 0
	}
	used := f.InFlight > 0 || !r.client.IsZero() && now.Sub(r.client) < recent
	if used || m.NumCtx == r.righted || now.Before(r.right) {
		return 0
	}
	return m.NumCtx
}

// bySize are those that are to come, the smallest first.
func (h *house) bySize(state *fleet.State) []*resident {
	var out []*resident
	for _, r := range h.residents {
		if r.wanted && !r.was && !h.server.Facts(r.key).Loaded(state, r.key) { // it may have come since the look
			out = append(out, r)
		}
	}
	of := func(r *resident) int64 { return size(h.server.Facts(r.key), state, r.key) }
	slices.SortStableFunc(out, func(a, b *resident) int { return cmp.Compare(of(a), of(b)) })
	return out
}

// may says whether a model can be loaded now; where something is in its way that people can change, it tells.
func (h *house) may(r *resident, here guests, state *fleet.State, now time.Time) bool {
	m := state.Has(r.key)
	switch {
	case m == nil && r.Perhaps:
	case m == nil:
		h.tell(r, "is not installed", "not preloaded yet: the server does not have it")
	case m.RemoteHost != "":
		h.tell(r, "is a stub for a model on "+m.RemoteHost, "not preloaded: it is a stub for a model elsewhere", "host", m.RemoteHost)
	case now.Before(r.again) || !h.server.Facts(r.key).Breaker.Lets(now):
	case len(here) == 0: // alone, anything may be
		return true
	default:
		return h.room(r, here, state, now)
	}
	return false
}

// room says whether there is room for a model beside what is in memory, or may be.
func (h *house) room(r *resident, here guests, state *fleet.State, now time.Time) bool {
	here = here.without(r.key) // it makes room for itself
	needs := readable(size(h.server.Facts(r.key), state, r.key))
	list := here.list(state)
	fit := h.fit(here, r, state)
	refused := r.beside != nil && here.still(r.beside)
	switch {
	case refused || fit == fleet.FitNo:
		h.tell(r, "("+needs+") does not fit beside "+list, "not preloaded: the server had to unload something for it (for lack of memory, or by OLLAMA_MAX_LOADED_MODELS); tried again when what is loaded there changes",
			"needs", needs, "loaded", list, "taken", readable(here.sum()))
	case fit == fleet.FitUnknown && len(h.used(here, now)) > 0:
		h.tell(r, "("+needs+") waits: whether it fits beside "+list+" is not known, and clients use that",
			"not preloaded yet: clients use what is loaded, and it may have to make room; tried when they have paused for a minute",
			"needs", needs, "loaded", list, "taken", readable(here.sum()))
	default:
		return true
	}
	return false
}

// tell says why a model is not in memory: to the log once, until it was there or the server returns.
func (h *house) tell(r *resident, why, text string, more ...any) {
	r.why = why
	if !r.told {
		r.told = true
		h.opts.Log.Warn(text, append([]any{"model", r.label, "server", h.server.ID()}, more...)...)
	}
}

// load has a model loaded, and looks at what has come of it.
func (h *house) load(ctx context.Context, r *resident, state *fleet.State) {
	h.loading, r.why = r, ""
	what := h.loadOf(r, state)
	what.Runner = ollama.Runner{NumCtx: r.Wish.NumCtx.Value}
	h.do(ctx, func() func() {
		began := time.Now()
		err := h.opts.Loader.Load(ctx, nil, what, 0)
		over := time.Now()
		if err == nil {
			h.server.LookNow(ctx, lookWithin)
		}
		return func() {
			h.loading, r.ours = nil, over
			h.loaded(r, err, over, over.Sub(began))
		}
	})
}

// loadOf is what is asked for of a model, but for what it is to run with.
func (h *house) loadOf(r *resident, state *fleet.State) Load {
	return Load{Server: h.server, Key: r.key, Name: nameOf(state, r.key), Keep: r.Wish.KeepAlive}
}

// loaded deals with the end of a load. One that failed was told of already, but for one
// that the server has refused or forgotten.
func (h *house) loaded(r *resident, err error, now time.Time, took time.Duration) {
	state := h.server.State()
	if err == nil && h.server.Facts(r.key).Loaded(state, r.key) {
		args := []any{"model", r.label, "server", h.server.ID(), "took", took.Round(time.Millisecond)}
		if m := state.Running(r.key); m != nil && m.NumCtx > 0 {
			args = append(args, "num_ctx", m.NumCtx)
		}
		h.opts.Log.Info("preloaded", args...)
		return
	}
	if errors.Is(err, context.Canceled) {
		return
	}
	r.fails++
	r.again = now.Add(pause(r.fails))
	r.why = "could not be loaded"
	if err != nil {
		r.why += " (" + err.Error() + ")"
	} else {
		h.opts.Log.Warn("preloading came to nothing: the server was asked, and does not have it in memory", "model", r.label, "server", h.server.ID())
	}
}
