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

// inContexts is how many requests the simulation of mixed contexts has: five runs are to take seconds.
const inContexts = requestsInAll * 3 / 10

// A habit is what some clients ask for.
type habit struct {
	numCtx int
	share  float64
}

// habits are those of the simulation: half the clients say nothing and take what the server gives, which is
// 4096 there; those that talk to code and to documents say more.
var habits = []habit{{0, 3}, {8192, 2}, {16384, 1}}

// mixed gives each request the habit of a client. Those of a burst are one client's.
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
}

// contextSettings are a policy with the guard and without, and with a rule that leaves nothing to guard.
func contextSettings() []setting {
	rule := []rewrite.Scoped[int]{{Rule: rewrite.Rule[int]{Value: 8192, Force: rewrite.Enforced}}}
	var out []setting
	for _, policy := range []string{"loaded-first", "round-robin"} {
		out = append(out, setting{policy + ", no guard", policy, true, nil}, setting{policy, policy, false, nil})
	}
	return append(out, setting{"loaded-first, num_ctx 8192 enforced", "loaded-first", false, rule})
}

// TestSimulationOfMixedContexts shows what it is worth to know what a model is loaded with: it prints how
// often a model was loaded again, without the guard, with it, and with a rule.
func TestSimulationOfMixedContexts(t *testing.T) {
	const seed = 1
	all := mixed(usual.askings(seed), seed)[:inContexts]
	var mu sync.Mutex
	seen := map[string]*told{}
	t.Run("runs", func(t *testing.T) { // it ends when all have
		for _, s := range contextSettings() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					shape := usual
					shape.rules, shape.unguarded = s.rules, s.unguarded
					o := simulate(t, shape, s.policy, all)
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
}

// contextTable is what the simulation prints.
func contextTable(seed uint64, all map[string]*told) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mixed contexts, shape %s, seed %d, %d requests\n%-36s %9s %8s %10s %10s %7s\n", usual.name, seed, inContexts,
		"", "reloads/k", "loads/k", "p50", "p95", "failed")
	for _, s := range contextSettings() {
		o := all[s.name]
		fmt.Fprintf(&b, "%-36s %9.1f %8.1f %10s %10s %7d\n", s.name, perThousand(o.reloads), perThousand(o.loads),
			o.quantile(.5).Round(100*time.Millisecond), o.quantile(.95).Round(100*time.Millisecond), len(o.failed))
	}
	return b.String()
}

func perThousand(n int) float64 { return float64(n) * 1000 / inContexts }
