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
	t.Parallel()
	o := with("tiny-chain")
	o.Parallel = 100
	boxes := []*ollamatest.Server{ollama(t, o), ollama(t, o)}
	two := []string{"--connection", "a=" + boxes[0].URL(), "--connection", "b=" + boxes[1].URL(), "--proxy", "tiny-chain=a", "--proxy", "tiny-chain=b"}
	alone := start(t, two...)
	beside := launch(t, append([]string{"--connection", "hole=" + blackHole(t), "--proxy", "tiny-chain=hole"}, two...)...)
	fleet.FirstLook(t.Context(), beside.connections, 10*time.Second) // the first failure
	if beside.server(0).State().Up {
		t.Fatal("the black hole is up")
	}
	var with, without []time.Duration
	for range 25 { // in turn, so that whatever else the machine does slows both
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
