package fleet

import (
	"time"
)

// FirstWithin is how long the first byte may be waited for: zero = for ever. size is the request's, in
// bytes. An answer in one piece comes after its last token, which nothing bounds but the operator.
// What was learned moves a request to another server; where there is none, it would only cut it. Behind requests of
// another replica nobody here knows what comes.
func (t *Turn) FirstWithin(size int) time.Duration {
	stall := t.Server.pace.Load().Stall
	if t.pair == nil || !t.Spare || !t.want.Stream || t.want.Tools || t.Load != LoadNone || t.crowded {
		return stall.First
	}
	within := stall.firstWithin(t.pair.facts.Load().First, size)
	if t.mixed || !t.Server.State().ListsOnlyLoaded() {
		within = least(stall.First, unsure*within)
	}
	return within
}

// unsure is how much longer a first token is waited for where other models of ours have the
// server work too, or where its lists do not tell a model that is loaded from one that is being loaded.
const unsure = 4

// Heard notes that something has come.
func (t *Turn) Heard(now time.Time) {
	if t.pair != nil {
		t.pair.heard.Store(now.UnixNano())
	}
}

// FirstAtMost is FirstWithin, which was so long, once that has passed. Where the model turns out
// not to be loaded, what was learned of it while it was does not count: another request or
// another client has pushed it out, or its time was over, and no list had shown it yet. And a request that came
// behind others waits for them: only from when nothing has come for them either.
func (t *Turn) FirstAtMost(within time.Duration) time.Duration {
	most, state := t.Server.pace.Load().Stall.First, t.Server.State()
	switch {
	case t.pair == nil || within == most:
		return within
	case t.Server.Others() > 0: // as if nothing had been learned
		return most
	case !t.only && t.pair.whole.Load() > 0: // nothing comes for those until they are over
		return most
	case !state.Up:
	case !state.Looked.After(t.began): // the operator lets it be looked at seldom
		t.Server.LookAgain()
		return least(most, within+lookTimeout)
	case state.Running(t.want.Key) == nil:
		return most
	}
	if heard := time.Unix(0, t.pair.heard.Load()).Sub(t.began); !t.only && heard > 0 {
		return least(most, within+heard)
	}
	return within
}

// Stuck says that a request which was sent before, or at once with it, has stalled since: this one waits behind it.
func (t *Turn) Stuck() bool {
	return t.pair != nil && t.pair.facts.Load().Stalled.After(t.began)
}

// NextWithin is how long the next byte of a stream may be waited for.
func (t *Turn) NextWithin() time.Duration {
	stall := t.Server.pace.Load().Stall
	if t.pair == nil || t.want.Tools || !t.alone {
		return stall.Next
	}
	return stall.nextWithin(t.pair.facts.Load().Gap)
}
