package fleet

import (
	"net/url"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

// A load may have waited for another of the same model: what it costs is settled once it is sent.
func TestWhatALoadCostsIsSaidByWhatIsLoadedWhenItIsSent(t *testing.T) {
	const key = "key"
	wide, batch := ollama.Runner{NumCtx: 8192}, ollama.Runner{NumCtx: 8192, Rest: `"num_batch":64`}
	s := New(Options{ID: "a", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
	now := time.Now()
	for _, c := range []struct {
		runner ollama.Runner
		cost   Load
		fault  string
	}{
		{ollama.Runner{}, LoadStart, ""},
		{ollama.Runner{}, LoadNone, ""},
		{wide, LoadAgain, "num_ctx"},
		{wide, LoadNone, ""},
		{batch, LoadAgain, "num_batch"},
	} {
		l := s.Load(key, c.runner, now)
		if cost, fault := l.Sent(now); cost != c.cost || fault != c.fault {
			t.Errorf("%+v: %v for %q, want %v for %q", c.runner, cost, fault, c.cost, c.fault)
		}
		now = now.Add(time.Second)
		l.Done(now, 0)
	}
}

func TestARequestThatALoadUnderWayIsOfNoUseToSaysForWhichOption(t *testing.T) {
	const key = "key"
	s := New(Options{ID: "a", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
	now := time.Now()
	for _, c := range []struct {
		runner ollama.Runner
		load   Load
		fault  string
	}{
		{ollama.Runner{NumCtx: 8192}, LoadStart, ""},
		{ollama.Runner{NumCtx: 8192}, LoadJoins, ""},
		{ollama.Runner{NumCtx: 8192, Rest: `"num_batch":64`}, LoadAgain, "num_batch"},
		{ollama.Runner{NumCtx: 4096, Rest: `"num_batch":64`}, LoadAgain, "num_ctx"},
	} {
		turn := s.Take(Want{Key: key, Runner: c.runner, Counted: true}, now)
		if turn.Load != c.load || turn.Fault != c.fault {
			t.Errorf("%+v: %v for %q, want %v for %q", c.runner, turn.Load, turn.Fault, c.load, c.fault)
		}
	}
}

// The newest load is not the one under way: it waits behind those before it.
func TestAModelIsLoadingAsLongAsAnyLoadOfItIs(t *testing.T) {
	const key = "key"
	one, two := ollama.Runner{NumCtx: 4096}, ollama.Runner{NumCtx: 8192}
	s := New(Options{ID: "a", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
	now := time.Now()
	want := func(what string, held, due int, forOne, forTwo bool) {
		t.Helper()
		f := s.Facts(key)
		if f.Loading.IsZero() != (held == 0) || f.Held != held || len(f.due.runners()) != due || held > 0 && (f.LoadsFor(one) != forOne || f.LoadsFor(two) != forTwo) {
			t.Errorf("%s: %+v", what, f)
		}
	}
	first := s.Take(Want{Key: key, Runner: one, Counted: true}, now)
	a := s.Load(key, one, now)
	second := s.Take(Want{Key: key, Runner: two, Counted: true}, now)
	b := s.Load(key, two, now)
	a.Sent(now)
	want("the first is under way", 2, 2, true, true)
	third := s.Take(Want{Key: key, Runner: one, Counted: true}, now)
	if first.Load != LoadStart || second.Load != LoadAgain || third.Load != LoadJoins || s.Facts(key).Loads != 2 || s.Facts(key).Reloads != 1 {
		t.Errorf("%v, %v and %v: %+v", first.Load, second.Load, third.Load, s.Facts(key))
	}
	a.Done(now.Add(time.Second), 0)
	for _, turn := range []*Turn{first, third} {
		turn.Answered(now.Add(2*time.Second), true)
		turn.End(now.Add(3*time.Second), Outcome{Verdict: Fine})
	}
	want("the second is about to be", 1, 1, false, true)
	s.state.Store(&State{Known: true, Up: true, Version: "0.33.0", Looked: now.Add(4 * time.Second)})
	b.Sent(now.Add(4 * time.Second))
	want("the second is under way", 1, 1, false, true)
	second.End(now.Add(5*time.Second), Outcome{})
	want("and its client has left", 1, 1, false, true)
	b.Done(now.Add(6*time.Second), 0)
	want("it is over", 0, 0, false, false)
}
