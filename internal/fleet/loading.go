package fleet

import (
	"fmt"
	"net/http"
	"time"

	"gollamas/internal/ollama"
)

// A Loading is a load that gollamas itself has a server do, for whoever waits for it. It is one of
// the facts until it ends, whoever leaves.
type Loading struct {
	server *Server
	key    string
	runner ollama.Runner
	pair   *pair
	sent   time.Time // when the server was asked
}

// Load notes that gollamas has a model loaded. A request may have claimed that already.
func (s *Server) Load(key string, r ollama.Runner, now time.Time) *Loading {
	l := &Loading{server: s, key: key, runner: r}
	state := s.State()
	l.pair = s.enter(key, func(f *Facts) {
		f.Held++
		f.due = f.due.with(r)
		if !f.Loading.IsZero() && f.Wanted == r {
			return
		}
		f.Loads++
		if f.Loaded(state, key) {
			f.Reloads++
		}
		if f.Loading.IsZero() {
			f.Loading, f.Wanted, f.Again = now, r, f.Loaded(state, key)
		}
	})
	return l
}

// Sent notes that the server is now asked: it may have been busy with another load of the model. It says
// what that costs, by what is loaded there now, and of a load of what is loaded already the option for which.
func (l *Loading) Sent(now time.Time) (cost Load, fault string) {
	l.sent = now
	l.pair.change(func(f *Facts) {
		cost, fault = f.costs(l.server.State(), l.key, l.runner)
		f.Loading, f.Wanted, f.Again = now, l.runner, cost != LoadStart
	})
	l.server.LookAgain() // Ollama makes room before it loads: what had to go is to be known soon
	return cost, fault
}

// costs says what a load that is sent now costs: nothing where the model has come meanwhile.
func (f *Facts) costs(s *State, key string, r ollama.Runner) (Load, string) {
	if !f.Loaded(s, key) {
		return LoadStart, ""
	}
	if fault := f.loadedFault(s, key, r); fault != "" {
		return LoadAgain, fault
	}
	return LoadNone, ""
}

// Done notes that the model is loaded, and what was said of how long it is to stay, 0 = nothing.
func (l *Loading) Done(now time.Time, keep time.Duration) {
	l.over(func(f *Facts) {
		if !f.Loading.IsZero() { // else a look has shown it already
			f.Load = f.Load.With(now.Sub(l.sent))
		}
		f.Came, f.Answered, f.Used, f.Last = now, now, now, l.runner
		if keep > 0 {
			f.Kept = keep
		}
	})
}

// Dropped notes that nothing came of it, and that this is nobody's fault: it was refused, or not sent at all.
func (l *Loading) Dropped() { l.over(func(*Facts) {}) }

// Failed notes that it came to nothing.
func (l *Loading) Failed(now time.Time, o Outcome) {
	s := l.server
	trial := &Turn{Server: s, want: Want{Key: l.key}, pair: l.pair, proof: s.Breaker().Trying}
	before, after := l.over(func(f *Facts) {
		f.Breaker = f.Breaker.after(now, o, f.Breaker.Trying)
	})
	s.tellBreaker(before.Breaker, after.Breaker, l.key)
	s.judge(trial, now, o)
}

func (l *Loading) over(change func(f *Facts)) (before, after *Facts) {
	before, after = l.pair.change(func(f *Facts) {
		change(f)
		f.Held--
		f.due = f.due.without(l.runner)
		switch {
		case f.due != nil: // the next is about to be sent
			f.Loading, f.Wanted, f.Again = time.Now(), f.due.all[0], true
		case f.Wanted == l.runner: // else it is the claim of a request that has not come to its load yet
			f.Loading = time.Time{}
		}
	})
	if after.Loading.IsZero() {
		l.server.pushed(l.key)
	}
	l.server.LookAgain() // something may have had to go
	if l.server.opts.Changed != nil {
		l.server.opts.Changed()
	}
	return before, after
}

// Renewed notes that a model which is loaded has been told how long it is to stay, 0 = it was not. It says
// nothing of what the model is loaded with: that may have been a guess.
func (s *Server) Renewed(key string, keep time.Duration, now time.Time) {
	s.enter(key, func(f *Facts) {
		f.Used = now
		if keep > 0 {
			f.Kept = keep
		}
	})
}

// loads says whether gollamas has anything loaded there.
func (s *Server) loads() (yes bool) {
	s.EachFacts(func(_ string, f *Facts) { yes = yes || f.Held > 0 })
	return yes
}

// Forever is longer than anything is waited for.
const Forever = 365 * 24 * time.Hour

// A LoadError is why a model could not be loaded.
type LoadError struct {
	Status  int    // of the server's answer, 0 = there was none
	Text    string // what it says, or why there was none
	Unsent  bool   // no connection
	Stalled bool   // nothing came for too long
	Ours    bool   // it is this machine's doing
}

func (e *LoadError) Error() string {
	if e.Status == 0 {
		return e.Text
	}
	return fmt.Sprintf("status %d: %s", e.Status, e.Text)
}

// Outcome is what it says about the server.
func (e *LoadError) Outcome() Outcome {
	o := Outcome{Reason: e.Text}
	switch {
	case e.Ours, e.Status == http.StatusServiceUnavailable:
	case e.Unsent:
		o.Verdict = Unreached
	case e.Stalled:
		o.Verdict = Stalled
	case e.Status != http.StatusInternalServerError || ollama.ServerFault(e.Text):
		o.Verdict = Failed
	}
	return o
}
