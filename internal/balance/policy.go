package balance

import "slices"

// A Policy puts candidates of one tier in order, the best first. round counts the
// requests for a model, so that those that are equal take turns.
type Policy func(all []Candidate, round uint64)

// Names are the policies' names, as operators use them; the first is the usual one.
var Names = []string{"loaded-first", "least-busy", "round-robin", "in-order"}

var policies = map[string]Policy{
	"loaded-first": loadedFirst,
	"least-busy":   leastBusy,
	"round-robin":  roundRobin,
	"in-order":     inOrder,
}

// Named is the policy of that name, nil where there is none.
func Named(name string) Policy { return policies[name] }

// rotate puts first whose turn it is: of weights 3 and 1, the first has three turns of four.
func rotate(all []Candidate, round uint64) {
	total := uint64(0)
	for i := range all {
		total += uint64(all[i].Weight) // #nosec G115 -- a weight is 1 to 1000
	}
	if total == 0 {
		return
	}
	turn := round % total
	for i := range all {
		weight := uint64(all[i].Weight) // #nosec G115 -- as above
		if turn < weight {
			slices.Reverse(all[:i])
			slices.Reverse(all[i:])
			slices.Reverse(all)
			return
		}
		turn -= weight
	}
}
