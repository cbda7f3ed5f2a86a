package fleet

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// A Want is what a request needs of a server.
type Want struct {
	Key     string // of the model
	NumCtx  int    // the context it asks for, 0 = it does not say
	Counted bool   // it takes a place: it has the model work, rather than asking about it
	Stream  bool   // it is answered piece by piece
	Tools   bool   // it names tools: Ollama holds a call of one back until it is whole, which can take minutes
	Evicts  bool   // what is loaded there may have to make room for it
	Surely  bool   // has to
	Unloads bool   // it has the model leave memory, and takes no place for that
	Free    func() // told when the place is free again; nil = nobody
}

// A Load is what a request costs the server it was sent to.
type Load uint8

// The costs.
const (
	LoadNone  Load = iota // the model was there
	LoadJoins             // it is being loaded already, for a request before this one
	LoadStart             // it has to be loaded
	LoadAgain             // it is there with another context and has to be loaded again
)

// String is the cost in a word, "" where there was none.
func (l Load) String() string { return [...]string{"", "joined", "started", "again"}[l] }

// A Turn is one request's claim on a server, from when that is chosen until its answer is over.
type Turn struct {
	Server *Server
	Load   Load
	Spare  bool // another server has not been asked yet

	want  Want
	pair  *pair // nil where the request is not counted
	began time.Time
	alone bool // no other request of ours was on the server
	only  bool // none for the same model was
	mixed bool // some for other models were
	trial bool // the pair's breaker let it through to see
	proof bool // so did the server's
	over  bool
}

// Take claims a place. It does not ask whether there is one: whoever chooses servers has.
func (s *Server) Take(w Want, now time.Time) *Turn {
	t := &Turn{Server: s, want: w, began: now}
	if !w.Counted {
		return t
	}
	if s.failing.Load() {
		s.changeBreaker(func(b Breaker) Breaker { b, t.proof = b.trial(now); return b })
	}
	t.alone = s.inFlight.Add(1) == 1
	state := s.State()
	t.pair = s.enter(w.Key, func(f *Facts) {
		t.only = f.InFlight == 0
		t.mixed = s.InFlight() > f.InFlight+1
		t.Load = f.cost(state, w)
		f.InFlight++
		f.Used = now
		switch t.Load {
		case LoadAgain:
			f.Reloads++
			fallthrough
		case LoadStart:
			f.Loads++
			f.Loading, f.Again, f.Wanted = now, t.Load == LoadAgain, w.NumCtx
			if w.Evicts {
				s.pushing.Store(&Push{w.Key, now, w.Surely})
			}
		}
		f.Breaker, t.trial = f.Breaker.trial(now)
	})
	if !w.Stream {
		t.pair.whole.Add(1)
	}
	if t.Load >= LoadStart {
		s.LookAgain() // Ollama makes room before it loads: what had to go is to be known soon
	}
	return t
}

// cost says what a request would cost.
func (f *Facts) cost(s *State, w Want) Load {
	switch {
	case !f.Loading.IsZero() && f.LoadsFor(w.NumCtx):
		return LoadJoins
	case !f.Loading.IsZero():
		return LoadAgain
	case !f.Loaded(s, w.Key):
		return LoadStart
	case !f.Suits(s, w.Key, w.NumCtx):
		return LoadAgain
	}
	return LoadNone
}

// Loaded says whether the model is loaded: the last look has seen it, or it has answered since.
func (f *Facts) Loaded(s *State, key string) bool {
	return f.Answered.After(s.Looked) || s.Running(key) != nil
}

// Suits says whether the model, which is loaded, has the context that is
// asked for. A request that asks for none takes what there is, unless a request of ours has asked
// for just that: Ollama then loads the model again with its own.
func (f *Facts) Suits(s *State, key string, numCtx int) bool {
	m := s.Running(key)
	got := f.gets(numCtx)
	switch {
	case f.Answered.After(s.Looked): // this is newer than what was seen
		return f.NumCtx == numCtx || got > 0 && got == f.gets(f.NumCtx)
	case m == nil || m.NumCtx == 0 || m.NumCtx == got:
		return true
	case numCtx == 0 && got == 0:
		return f.NumCtx != m.NumCtx
	}
	installed := s.Has(key)
	return installed != nil && installed.Trained == m.NumCtx && numCtx > m.NumCtx // it is clamped
}

// LoadsFor says whether the load under way is of use to a request for a context.
func (f *Facts) LoadsFor(numCtx int) bool {
	return f.Wanted == numCtx || f.gets(numCtx) > 0 && f.gets(numCtx) == f.gets(f.Wanted)
}

// gets is the context that a request for so much is known to get: of more than the model was trained
// for, less; of nothing, the server's own. 0 = not known.
func (f *Facts) gets(numCtx int) int {
	switch {
	case numCtx == 0:
		return f.Own
	case numCtx == f.Asked:
		return f.Got
	}
	return numCtx
}

// FirstWithin is how long the first byte may be waited for: zero = for ever. size is the request's, in
// bytes. An answer in one piece comes after its last token, which nothing bounds but the operator.
// What was learned moves a request to another server; where there is none, it would only cut it.
func (t *Turn) FirstWithin(size int) time.Duration {
	stall := t.Server.opts.Stall
	if t.pair == nil || !t.Spare || !t.want.Stream || t.want.Tools || t.Load != LoadNone {
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
	most, state := t.Server.opts.Stall.First, t.Server.State()
	switch {
	case t.pair == nil || within == most:
		return within
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
	stall := t.Server.opts.Stall
	if t.pair == nil || t.want.Tools || !t.alone {
		return stall.Next
	}
	return stall.nextWithin(t.pair.facts.Load().Gap)
}

// Announce says in the log that the request is let through to see whether what
// failed works again. Take does not: whoever calls it may hold a lock.
func (t *Turn) Announce() {
	if t.trial || t.proof {
		t.Server.opts.Log.Info("one request is let through, to see whether it works again",
			"server", t.Server.id, "model", short(t.Server.State(), t.want.Key))
	}
}

// Began is when the server was chosen.
func (t *Turn) Began() time.Time { return t.began }

// Answered notes the first byte of an answer that is none of failure.
func (t *Turn) Answered(now time.Time, stream bool) {
	if t.pair == nil {
		return
	}
	t.Heard(now)
	if t.proof { // another may be let through: this answer may take long
		t.Server.changeBreaker(func(b Breaker) Breaker { b.Trying = false; return b })
	}
	before, _ := t.pair.change(func(f *Facts) {
		f.Breaker.Trying = f.Breaker.Trying && !t.trial
		loading := f.Loading
		f.Answered, f.NumCtx, f.Loading = now, t.want.NumCtx, time.Time{}
		switch {
		case !loading.IsZero(): // whichever of those that wait for it is answered first
			f.Came = now
			if stream { // an answer in one piece begins long after the load is over
				f.Load = f.Load.With(now.Sub(loading))
			}
		case t.Load == LoadNone && stream && t.alone:
			f.First = f.First.With(now.Sub(t.began))
		}
	})
	if !before.Loading.IsZero() {
		t.Server.pushed(t.want.Key)
		t.Server.LookAgain() // something may have had to go
	}
}

// A Verdict is what an attempt says about the server.
type Verdict uint8

// The verdicts.
const (
	Neutral   Verdict = iota // nothing: the client left, or asked for what cannot be
	Fine                     // it works
	Failed                   // the model did not work there: a cut, a load that failed
	Stalled                  // nothing came for too long
	Unreached                // it took no connection
)

// An Outcome is how an attempt went.
type Outcome struct {
	Verdict Verdict
	Reason  string
	Gap     time.Duration // the longest wait inside a stream, 0 = it was none
}

// End gives the place back and learns from what happened. A second call does nothing.
func (t *Turn) End(now time.Time, o Outcome) {
	if t.over {
		return
	}
	t.over = true
	if t.pair != nil {
		t.Server.inFlight.Add(-1)
		if !t.want.Stream {
			t.pair.whole.Add(-1)
		}
		before, after := t.pair.change(func(f *Facts) { f.end(t, now, o) })
		t.Server.tellBreaker(before.Breaker, after.Breaker, t.want.Key)
		if after.Loading.IsZero() {
			t.Server.pushed(t.want.Key)
		}
	}
	if t.want.Unloads {
		t.Server.unloaded(t.want.Key)
	}
	t.Server.judge(t, now, o)
	if o.Verdict == Failed || o.Verdict == Stalled {
		t.Server.LookAgain()
	}
	if t.want.Free != nil {
		t.want.Free()
	}
}

// Abandon gives the place back where nobody has: something has gone wrong inside gollamas.
func (t *Turn) Abandon() {
	if !t.over {
		t.End(time.Now(), Outcome{})
	}
}

func (f *Facts) end(t *Turn, now time.Time, o Outcome) {
	f.InFlight--
	f.Used = now
	if f.InFlight == 0 {
		f.Loading = time.Time{} // nobody waits for it: Ollama has given the load up
	}
	if served := t.only || t.Server.Parallel() > 0; served && o.Verdict == Fine && t.Load == LoadNone {
		f.Service = f.Service.With(now.Sub(t.began))
	}
	if o.Verdict == Fine && o.Gap > 0 && t.alone {
		f.Gap = f.Gap.With(o.Gap)
	}
	if o.Verdict == Stalled {
		f.Stalled = now
	}
	f.Breaker = f.Breaker.after(now, o, t.trial)
}

// after is the breaker once an attempt has ended.
func (b Breaker) after(now time.Time, o Outcome, trial bool) Breaker {
	switch o.Verdict {
	case Fine:
		return Breaker{}
	case Failed:
		return b.failed(now, o.Reason, 1, trial)
	case Stalled: // it has cost so much time that one is enough
		return b.failed(now, o.Reason, tripAfter, trial)
	}
	b.Trying = b.Trying && !trial
	return b
}

// Blame counts an attempt that has ended as the server's failure after all: it
// refused what another server then answered.
func (t *Turn) Blame(now time.Time, reason string) {
	if t.want.NumCtx > 0 { // it asked for a context of its own, which may just have been too much
		return
	}
	o := Outcome{Verdict: Failed, Reason: reason}
	if t.pair != nil {
		before, after := t.pair.change(func(f *Facts) { f.Breaker = f.Breaker.after(now, o, t.trial) })
		t.Server.tellBreaker(before.Breaker, after.Breaker, t.want.Key)
	}
	t.Server.judge(t, now, o)
}

// Ours says that an error of opening a connection is this machine's, not the server's.
func Ours(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENOMEM)
}
