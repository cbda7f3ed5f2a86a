package fleet

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

const key = "registry.ollama.ai/library/m:latest"

// seen is a state in which m is loaded with a context, 0 = not loaded.
func seen(at time.Time, numCtx, trained int) *State {
	s := &State{Known: true, Up: true, Looked: at, Installed: []Model{{Listed: ollama.Listed{Name: "m:latest", Digest: "d", Trained: trained}, Key: key}}}
	s.installed = index(s.Installed)
	if numCtx > 0 {
		s.Loaded = []Model{{Listed: ollama.Listed{Name: "copy:latest", Digest: "d", NumCtx: numCtx}, Key: "copy"}}
	}
	return s
}

func TestWhichContextSuits(t *testing.T) {
	now := time.Now()
	before, after := now.Add(-time.Second), now.Add(time.Second)
	for _, c := range []struct {
		what   string
		facts  Facts
		state  *State
		asks   int
		loaded bool
		suits  bool
	}{
		{"never loaded", Facts{}, seen(now, 0, 0), 0, false, true},
		{"loaded by others, none asked for", Facts{}, seen(now, 8192, 0), 0, true, true},
		{"the very one", Facts{}, seen(now, 8192, 0), 8192, true, true},
		{"another", Facts{}, seen(now, 4096, 0), 8192, true, false},
		{"more than it was trained for", Facts{}, seen(now, 32768, 32768), 40000, true, true},
		{"less than it was trained for", Facts{}, seen(now, 32768, 32768), 4096, true, false},
		{"one of ours asked for it, and none is asked for", Facts{Answered: before, Last: ollama.Runner{NumCtx: 8192}}, seen(now, 8192, 0), 0, true, false},
		{"somebody has loaded it anew since", Facts{Answered: before, Last: ollama.Runner{NumCtx: 8192}}, seen(now, 4096, 0), 0, true, true},
		{"ours is newer than the look", Facts{Answered: after, Last: ollama.Runner{NumCtx: 8192}}, seen(now, 0, 0), 8192, true, true},
		{"ours is newer than the look, and differs", Facts{Answered: after, Last: ollama.Runner{NumCtx: 8192}}, seen(now, 4096, 0), 4096, true, false},
		{"ours is newer, and neither asks", Facts{Answered: after}, seen(now, 0, 0), 0, true, true},
	} {
		if got := c.facts.Loaded(c.state, key); got != c.loaded {
			t.Errorf("%s: loaded %v", c.what, got)
		}
		if got := c.facts.Suits(c.state, key, ollama.Runner{NumCtx: c.asks}); got != c.suits {
			t.Errorf("%s: suits %v", c.what, got)
		}
	}
}

func TestATurnTellsWhatTheRequestCosts(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u})
	now := time.Now()
	s.state.Store(seen(now, 0, 0))
	want := Want{Key: key, Counted: true}
	starts, joins := s.Take(want, now), s.Take(want, now)
	if starts.Load != LoadStart || joins.Load != LoadJoins || s.InFlight() != 2 || s.Facts(key).InFlight != 2 {
		t.Fatalf("%v %v %d", starts.Load, joins.Load, s.InFlight())
	}
	starts.Answered(now.Add(3*time.Second), true)
	warm := s.Take(want, now.Add(4*time.Second))
	again := s.Take(Want{Key: key, Counted: true, Runner: ollama.Runner{NumCtx: 8192}}, now.Add(4*time.Second))
	about := s.Take(Want{Key: key}, now)
	if warm.Load != LoadNone || again.Load != LoadAgain || about.Load != LoadNone || s.InFlight() != 4 {
		t.Errorf("%v %v %d", warm.Load, again.Load, s.InFlight())
	}
	for _, turn := range []*Turn{starts, joins, warm, again, about, about} {
		turn.End(now.Add(5*time.Second), Outcome{Verdict: Fine})
	}
	f := s.Facts(key)
	if s.InFlight() != 0 || f.InFlight != 0 || f.Loads != 2 || f.Reloads != 1 || f.Load.Typical != 3*time.Second || !f.Loading.IsZero() {
		t.Errorf("%d in flight, %+v", s.InFlight(), f)
	}
}

func TestALoadThatNobodyWaitsForIsOver(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u})
	now := time.Now()
	s.state.Store(seen(now, 0, 0))
	one, other := s.Take(Want{Key: key, Counted: true}, now), s.Take(Want{Key: key, Counted: true}, now)
	one.WhenServed(func() {}) // gollamas has it loaded
	one.End(now, Outcome{})
	if s.Facts(key).Loading.IsZero() {
		t.Error("over, though somebody waits for it still")
	}
	other.End(now, Outcome{})
	if !s.Facts(key).Loading.IsZero() {
		t.Error("not over")
	}
}

func TestWhatIsKnownOfModelsThatAreGoneIsForgotten(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u})
	now := time.Now()
	s.state.Store(seen(now, 0, 0))
	for _, k := range []string{key, "made/up", "busy"} {
		turn := s.Take(Want{Key: k, Counted: true}, now)
		if k != "busy" {
			turn.End(now, Outcome{Verdict: Fine})
		}
	}
	s.forget(s.State())
	var left []string
	s.EachFacts(func(k string, _ *Facts) { left = append(left, k) })
	if len(left) != 2 || s.Facts("made/up") != noFacts {
		t.Errorf("left: %v", left)
	}
}

func TestTwoModelsThatFailOpenTheServersOwnBreaker(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u})
	now := time.Now()
	fail := func(k string) { s.Take(Want{Key: k, Counted: true}, now).End(now, fails) }
	for range 5 {
		fail("a")
	}
	if b := s.Facts("a").Breaker; !b.Open() || s.Breaker().Open() {
		t.Fatalf("one model that fails opens its own breaker only: %+v %+v", b, s.Breaker())
	}
	for range tripAfter {
		fail("b")
	}
	if !s.Breaker().Open() {
		t.Error("two models that fail do not open the server's")
	}
	s.Take(Want{Key: "c", Counted: true}, now).End(now, works)
	if s.Breaker().Open() {
		t.Error("something works, and it is still open")
	}
}

func TestOfWhatHasFailedNoMoreIsKeptThanItTakes(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u})
	now := time.Now()
	for i := range 1000 {
		s.Take(Want{Key: fmt.Sprint("made/up", i), Counted: true}, now).End(now, fails)
		if len(s.failed) > 2 {
			t.Fatalf("%d names are kept", len(s.failed))
		}
	}
	if !s.Breaker().Open() {
		t.Error("its breaker is closed though everything fails")
	}
}
