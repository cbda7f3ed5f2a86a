package app

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/rewrite"
)

// A habit is what some clients ask for.
type habit struct {
	numCtx int
	share  float64
}

// habits are those of the simulation: half the clients say nothing and take what the server gives, which is
// 4096 there; those that talk to code and to documents say more.
var habits = []habit{{0, 3}, {8192, 2}, {16384, 1}}

// mixed gives each request the habit of a client.
func mixed(all []asking, seed uint64) []asking {
	r := rand.New(rand.NewPCG(seed, 1))
	shares := make([]float64, len(habits))
	for i, h := range habits {
		shares[i] = h.share
	}
	out := make([]asking, len(all))
	for i, a := range all {
		a.numCtx = habits[drawn(r, shares)].numCtx
		out[i] = a
	}
	return out
}

// A setting is one run of the simulation.
type setting struct {
	name, policy string
	unguarded    bool
	rules        []rewrite.Scoped[int]
	busy         float64 // as a shape has it
	requests     int
}

// A choice is there only while a server has nothing to do. round-robin has every server load for nearly every
// request, so that what loaded-first does with ease leaves it none; it is shown with a tenth of that.
const (
	quietly  = .05
	inQuiet  = requestsInAll * 3 / 50
	inHurry  = requestsInAll / 5
	noGuard  = ", no guard"
	withRule = "loaded-first, 8192 enforced"
)

// contextSettings are a policy with the guard and without, and with a rule that leaves nothing to guard.
func contextSettings() []setting {
	rule := []rewrite.Scoped[int]{{Rule: rewrite.Rule[int]{Value: 8192, Force: rewrite.Enforced}}}
	return []setting{
		{"loaded-first" + noGuard, "loaded-first", true, nil, usual.busy, inHurry},
		{"loaded-first", "loaded-first", false, nil, usual.busy, inHurry},
		{withRule, "loaded-first", false, rule, usual.busy, inHurry},
		{"round-robin" + noGuard, "round-robin", true, nil, quietly, inQuiet},
		{"round-robin", "round-robin", false, nil, quietly, inQuiet},
	}
}

// run simulates a setting. It is to be called in a bubble.
func (s setting) run(t *testing.T, seed uint64) *told {
	shape := usual
	shape.busy, shape.rules, shape.unguarded = s.busy, s.rules, s.unguarded
	return simulate(t, shape, s.policy, mixed(shape.askings(seed), seed)[:s.requests])
}

// TestSimulationOfMixedContexts shows what it is worth to know what a model is loaded with: it prints how
// often a model was loaded again without the guard, with it, and with a rule.
func TestSimulationOfMixedContexts(t *testing.T) {
	const seed = 1
	var mu sync.Mutex
	seen := map[string]*told{}
	t.Run("runs", func(t *testing.T) { // it ends when all have
		for _, s := range contextSettings() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					o := s.run(t, seed)
					mu.Lock()
					defer mu.Unlock()
					seen[s.name] = o
				})
			})
		}
	})
	if len(seen) < len(contextSettings()) {
		return // -run has picked some, or one has failed
	}
	t.Log("\n" + contextTable(seed, seen))
	for name, o := range seen {
		if len(o.failed) > 0 {
			t.Errorf("%s: %d requests failed, the first with %s", name, len(o.failed), o.failed[0])
		}
	}
	if with, without := seen["loaded-first"].reloads, seen["loaded-first"+noGuard].reloads; with*2 > without {
		t.Errorf("loaded-first: %d reloads with the guard, %d without", with, without)
	}
	if with, without := seen["round-robin"].reloads, seen["round-robin"+noGuard].reloads; with >= without {
		t.Errorf("round-robin: %d reloads with the guard, %d without", with, without)
	}
	if n := seen[withRule].reloads; n > 0 {
		t.Errorf("%d reloads with a rule that leaves no choice", n)
	}
}

// contextTable is what the simulation prints.
func contextTable(seed uint64, all map[string]*told) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mixed contexts, shape %s, seed %d\n%-28s %5s %8s %10s %8s %10s %10s %7s\n", usual.name, seed,
		"", "busy", "requests", "reloads/k", "loads/k", "p50", "p95", "failed")
	for _, s := range contextSettings() {
		o, k := all[s.name], 1000/float64(s.requests)
		fmt.Fprintf(&b, "%-28s %5.2f %8d %10.1f %8.1f %10s %10s %7d\n", s.name, s.busy, s.requests, float64(o.reloads)*k, float64(o.loads)*k,
			o.quantile(.5).Round(100*time.Millisecond), o.quantile(.95).Round(100*time.Millisecond), len(o.failed))
	}
	return b.String()
}
