package jobs

import (
	"time"

	"gollamas/internal/fleet"
)

// A resident is one model that is to be in one server's memory.
type resident struct {
	Resident
	key   string
	label string // its name, for people

	wanted  bool      // it has still to come
	asleep  bool      // a client had it unloaded: it comes when the server returns, or somebody uses it
	slept   time.Time // when that was
	was     bool      // it was in memory when that was last looked at
	came    time.Time // since when
	beside  guests    // that it did not fit beside; nil = nothing is known of that
	pushed  bool      // it went while something was being loaded: what that was will be seen
	escapes int       // how often it went without a reason, lately
	fails   int       // loads that failed, in a row
	again   time.Time // not before then

	rights  int       // how often it was loaded again, lately, because it had another context than a rule says
	right   time.Time // not before then for that
	righted int       // the context that it was found with and loaded again for, 0 = none

	ours   time.Time // when gollamas itself last loaded or renewed it
	client time.Time // when a client last used it

	why  string // it is not there, for people; "" = it is, or is about to be
	told bool   // the log has said so

	pinging bool
	pinged  time.Time     // when it was last renewed, or that was tried
	before  *fleet.State  // the look before that, which does not show it
	peeked  time.Time     // when the server was last looked at just before
	keeps   time.Duration // the server's own keep_alive as far as it could be seen, 0 = not
	looked  time.Time     // the use after which it should have gone, so that a look was asked for
}

// anew is for a server that returns, or is seen for the first time: all are wanted, whatever was.
// But a model whose loads fail again and again may be what takes the server down.
func (r *resident) anew(h *house) {
	r.wanted, r.was, r.asleep, r.beside, r.pushed, r.escapes = true, false, false, nil, false, 0
	r.slept = h.server.Facts(r.key).Unloaded
	r.why, r.told, r.righted = "", false, 0
	if r.fails < manyFails {
		r.again = time.Time{}
	}
}

// manyFails are so many that a server's return is no reason to try at once.
const manyFails = 3

// noteUse tells clients' use of the model from gollamas' own.
func (r *resident) noteUse(h *house, now time.Time) {
	f := h.server.Facts(r.key)
	switch {
	case f.InFlight > 0:
		r.client = now
	case r.pinging || h.loading == r:
	case f.Used.After(r.ours):
		r.client = f.Used
	}
}

// look deals with what a look has shown of it.
func (r *resident) look(h *house, state *fleet.State, now time.Time) {
	f := h.server.Facts(r.key)
	r.sleep(h, f, state)
	in := f.Loaded(state, r.key)
	switch {
	case in && !r.was:
		r.was, r.wanted, r.pushed, r.beside, r.came, r.keeps = true, false, false, nil, now, 0
		r.why, r.told, r.fails = "", false, 0
	case in && now.Sub(r.came) > steady:
		r.escapes = 0
	case !in && r.was:
		r.was = false
		r.left(h, f, state, now)
	case !in && r.pushed && !h.underWay():
		r.pushed, r.beside = false, h.guests(state)
	}
}

// sleep notes that a client had the model unloaded, and that it is used again.
func (r *resident) sleep(h *house, f *fleet.Facts, state *fleet.State) {
	if f.Unloaded.After(r.slept) {
		r.slept, r.asleep, r.wanted = f.Unloaded, true, false
		r.why = "was unloaded by a client, and comes back when it is used or the server returns"
		h.opts.Log.Info("a client had a preloaded model unloaded: it comes back when it is used or the server returns", "model", r.label, "server", h.server.ID())
	}
	m := state.Running(r.key)
	back := m != nil && state.Looked.After(r.slept) && m.ExpiresAt.After(state.Looked.Add(clocks))
	if r.asleep && (f.Answered.After(r.slept) || back) {
		r.asleep, r.why = false, ""
	}
}

// clocks is how far two machines' clocks are taken to differ.
const clocks = 2 * time.Second

// steady is how long a model has been in memory when what was before is forgotten.
const steady = 10 * time.Minute

// left deals with its being gone from memory: back it comes, unless a client wanted it gone,
// its time was over and nobody renews it, or something has taken its place.
func (r *resident) left(h *house, f *fleet.Facts, state *fleet.State, now time.Time) {
	here := h.guests(state)
	came := false
	for key := range here {
		came = came || h.last.Running(key) == nil
	}
	switch {
	case r.asleep:
		return
	case f.Kept == time.Nanosecond: // a request said that it was to go once answered
		r.asleep, r.slept = true, now
		return
	case h.opts.Ping == 0 && r.timeOver(h, f, state):
		return
	}
	r.wanted = true
	switch {
	case h.underWay():
		r.pushed = true
	case came:
		r.beside = here
	default:
		r.escapes++
		if r.escapes > 1 {
			r.again = now.Add(pause(r.escapes - 1))
		}
	}
}

// timeOver says whether it went because nobody had used it for long enough.
func (r *resident) timeOver(h *house, f *fleet.Facts, state *fleet.State) bool {
	m := h.last.Running(r.key)
	shown := m != nil && !m.ExpiresAt.After(state.Looked.Add(clocks))
	return shown || f.Kept > 0 && !f.Used.Add(f.Kept).After(state.Looked)
}

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration {
	return min(firstPause<<min(failures-1, 8), longestPause)
}

const (
	firstPause   = time.Minute
	longestPause = 15 * time.Minute
)
