package balance

import (
	"cmp"
	"slices"
)

// leastBusy asks first where the fewest requests of ours are, for the places and the weight it has.
func leastBusy(all []Candidate, round uint64) {
	rotate(all, round)
	slices.SortStableFunc(all, func(a, b Candidate) int { return cmp.Compare(a.share(), b.share()) })
}
