package app

import (
	"slices"
	"sync"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

// wave sends so many chats at once and returns how long each took.
func (r *running) wave(t *testing.T, n int) []time.Duration {
	took := make([]time.Duration, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			from := time.Now()
			r.post("/api/chat", chat).want(t, 200, `"done":true`)
			took[i] = time.Since(from)
		})
	}
	wg.Wait()
	return took
}

// slowest are the 99th of a hundred, and the last.
func slowest(took []time.Duration) (p99, worst time.Duration) {
	slices.Sort(took)
	return took[len(took)*99/100], took[len(took)-1]
}

func TestABlackHoledServerAddsNothingToTheP99OfTheOthers(t *testing.T) {
	o := with("tiny-chain")
	o.Parallel = 100
	for what, hole := range map[string]func(t *testing.T) (url string, open func()){
		"that never answered": func(t *testing.T) (string, func()) { return blackHole(t), func() {} },
		"that did before": func(t *testing.T) (string, func()) {
			s := ollama(t, o)
			return s.URL(), func() { s.Fault(ollamatest.Fault{Kind: ollamatest.Hang}) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			a, b := ollama(t, o), ollama(t, o)
			url, open := hole(t)
			two := []string{"--watch", "1s", "--connection", "a=" + a.URL(), "--connection", "b=" + b.URL(), "--proxy", "tiny-chain=a", "--proxy", "tiny-chain=b"}
			alone := start(t, two...)
			beside := start(t, append([]string{"--connection", "hole=" + url, "--proxy", "tiny-chain=hole"}, two...)...)
			open()
			down(t, beside.server(0)) // the first failure
			compare(t, beside, alone)
		})
	}
}

// down waits until a server is seen to be down.
func down(t *testing.T, s *fleet.Server) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); s.State().Up; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the black hole is up")
		}
	}
}

// compare asks two gollamas for the same, in turn, so that whatever else the machine does slows both.
func compare(t *testing.T, beside, alone *running) {
	t.Helper()
	var with, without []time.Duration
	for range 25 {
		with = append(with, beside.wave(t, 16)...)
		without = append(without, alone.wave(t, 16)...)
	}
	p99, worst := slowest(with)
	p99Alone, worstAlone := slowest(without)
	t.Logf("p99 of %d: %v beside a black hole, %v alone; the slowest %v and %v", len(with), p99, p99Alone, worst, worstAlone)
	if p99 > 3*p99Alone+300*time.Millisecond {
		t.Errorf("p99 is %v beside a black hole and %v alone", p99, p99Alone)
	}
	if worst > worstAlone+3*time.Second { // one dial that nobody answers takes five
		t.Errorf("the slowest took %v beside a black hole and %v alone", worst, worstAlone)
	}
}
