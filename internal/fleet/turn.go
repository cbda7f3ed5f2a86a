package fleet

import (
	"cmp"
	"time"

	"gollamas/internal/ollama"
)

// A Want is what a request needs of a server.
type Want struct {
	Key     string        // of the model
	Runner  ollama.Runner // what the model is to be loaded with
	Said    ollama.Runner // the same as the client itself has it
	Keep    time.Duration // the keep_alive it says, 0 = none; what says 0 is a nanosecond here
	Counted bool          // it takes a place: it has the model work, rather than asking about it
	Stream  bool          // it is answered piece by piece
	Tools   bool          // it names tools: Ollama holds a call of one back until it is whole, which can take minutes
	Evicts  bool          // what is loaded there may have to make room for it
	Surely  bool          // has to
	Unloads bool          // it has the model leave memory, and takes no place for that
	Free    func()        // told when the place is free again; nil = nobody
}

// leavesAtOnce is the Keep of a request behind which the model is to leave memory.
const leavesAtOnce = time.Nanosecond

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
	Spare  bool   // another server has not been asked yet
	Fault  string // of LoadAgain: the option for which
	Avoids string // the option for which it would have had to be loaded again elsewhere, or as the client would have it; "" = none

	want    Want
	pair    *pair // nil where the request is not counted
	began   time.Time
	alone   bool // no other request was on the server
	crowded bool // other replicas had some on it
	only    bool // none for the same model was
	mixed   bool // some for other models were
	trial   bool // the pair's breaker let it through to see
	proof   bool // so did the server's
	over    bool
	told    func()    // what WhenServed was given
	claim   time.Time // the Loading that it has set; zero = none
	rides   bool      // that load is gollamas' own
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
	t.crowded = s.Others() > 0
	t.alone = s.inFlight.Add(1) == 1 && !t.crowded
	state := s.State()
	t.pair = s.enter(w.Key, func(f *Facts) {
		t.only = f.InFlight == 0
		t.mixed = s.InFlight() > f.InFlight+1
		t.claims(f, state, now)
		if t.Load >= LoadStart && w.Evicts {
			s.pushing.Store(&Push{w.Key, now, w.Surely})
		}
		if asked := !f.Used.IsZero(); asked && t.Load < LoadStart { // rules have made one of two that differ
			t.Avoids = f.between(f.Said, w.Said)
		}
		f.InFlight++
		f.Used, f.Said = now, w.Said
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

// Announce says in the log that the request is let through to see whether what
// failed works again. Take does not: whoever calls it may hold a lock.
func (t *Turn) Announce() {
	if t.trial || t.proof {
		t.Server.opts.Log.Info("one request is let through, to see whether it works again",
			"server", t.Server.id, "model", short(t.Server.State(), t.want.Key))
	}
}

// WhenServed has do called once, when the first byte of the answer is there or the turn is over. It is for who has the
// model loaded for the request.
func (t *Turn) WhenServed(do func()) { t.told, t.rides = do, true }

func (t *Turn) served() {
	if do := t.told; do != nil {
		t.told = nil
		do()
	}
}

// Key is that of the model's name.
func (t *Turn) Key() string { return t.want.Key }

// Runner is what the model is to be loaded with.
func (t *Turn) Runner() ollama.Runner { return t.want.Runner }

// Asks notes that the request wants the model loaded with this after all, and so a load that it has
// begun to count.
func (t *Turn) Asks(r ollama.Runner) {
	had := t.want.Runner
	t.want.Runner = r
	if t.pair == nil {
		return
	}
	state := t.Server.State()
	t.pair.change(func(f *Facts) {
		if t.Load < LoadStart { // it has claimed none yet
			t.claims(f, state, time.Now())
		} else if f.Wanted == had {
			f.Wanted = r
		}
	})
}

// claims notes what the request costs, and that a load is to begin where it is to begin one.
func (t *Turn) claims(f *Facts, s *State, now time.Time) {
	w := t.want
	switch t.Load = f.cost(s, w); t.Load {
	case LoadAgain:
		t.Fault = cmp.Or(f.Fault(s, w.Key, w.Runner), "num_ctx")
		f.Reloads++
		fallthrough
	case LoadStart:
		f.Loads++
		f.Loading, f.Again, f.Wanted, t.claim = now, t.Load == LoadAgain, w.Runner, now
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
	t.served()
	if t.proof { // another may be let through: this answer may take long
		t.Server.changeBreaker(func(b Breaker) Breaker { b.Trying = false; return b })
	}
	before, after := t.pair.change(func(f *Facts) {
		f.Breaker.Trying = f.Breaker.Trying && !t.trial
		loading := f.Loading
		f.Answered, f.Last = now, t.want.Runner
		if t.want.Keep > 0 {
			f.Kept = t.want.Keep
		}
		if f.Held > 0 {
			loading = time.Time{} // that one says itself when it is over
		} else {
			f.Loading = time.Time{}
		}
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
	if !before.Loading.IsZero() && before.Held == 0 {
		t.Server.pushed(t.want.Key)
		t.Server.LookAgain() // something may have had to go
	}
	if before.Kept != after.Kept && t.Server.opts.Changed != nil {
		t.Server.opts.Changed() // it may leave before the next look
	}
}

// End gives the place back and learns from what happened. A second call does nothing.
func (t *Turn) End(now time.Time, o Outcome) {
	if t.over {
		return
	}
	t.over = true
	t.served()
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
	if t.want.Unloads && o.Verdict == Fine {
		t.Server.Unloaded(t.want.Key)
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
	if f.Held == 0 && (f.InFlight == 0 || !t.rides && !t.claim.IsZero() && f.Loading.Equal(t.claim)) {
		f.Loading = time.Time{} // nobody waits for it, or has it done: Ollama has given the load up
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
	if f.InFlight == 0 && t.want.Keep == leavesAtOnce && o.Verdict == Fine {
		f.Answered, f.Unloaded = time.Time{}, now
	}
	f.Breaker = f.Breaker.after(now, o, t.trial)
}

// Blame counts an attempt that has ended as the server's failure after all: it
// refused what another server then answered.
func (t *Turn) Blame(now time.Time, reason string) {
	if t.want.Runner != (ollama.Runner{}) { // it asked for a context or options of its own, which may just have been too much
		return
	}
	o := Outcome{Verdict: Failed, Reason: reason}
	if t.pair != nil {
		before, after := t.pair.change(func(f *Facts) { f.Breaker = f.Breaker.after(now, o, t.trial) })
		t.Server.tellBreaker(before.Breaker, after.Breaker, t.want.Key)
	}
	t.Server.judge(t, now, o)
}
