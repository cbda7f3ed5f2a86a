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
