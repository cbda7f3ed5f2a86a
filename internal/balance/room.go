package balance

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gollamas/internal/fleet"
)

// forever is longer than anything lasts.
const forever = time.Duration(math.MaxInt64)

// A resident is a model in a server's memory.
type resident struct {
	size   int64
	load   time.Duration // to have it back
	rested time.Duration // since a request last began or ended
	works  bool
}

// room works out whether a model that is not loaded fits beside what is, and what it costs if it does not.
func (c *Candidate) room(state *fleet.State, key string, now time.Time) {
	c.Size = size(c.Server, state, key)
	all := make([]resident, 0, len(state.Loaded))
	for i := range state.Loaded {
		m := &state.Loaded[i]
		all = append(all, resident{size: m.Size, load: assumed(m.Size), rested: atWork})
	}
	used := c.Size
	c.Server.EachFacts(func(other string, f *fleet.Facts) {
		if i := runs(state, other); i >= 0 {
			r := &all[i]
			r.load, r.rested, r.works = cmp.Or(f.Load.Typical, r.load), now.Sub(f.Used), f.InFlight > 0
		} else if !f.Loading.IsZero() {
			used += size(c.Server, state, other)
		}
	})
	for _, r := range all {
		used += r.size
	}
	c.Fits = state.Room.Fits(used)
	c.Spills = state.Room.Fits(c.Size) == fleet.FitNo
	if used == c.Size {
		c.Fits = fleet.FitYes // alone, whatever there is is loaded
	}
	if c.Fits != fleet.FitYes {
		c.Evicts = evicted(all, used-state.Room.Held)
	}
	if c.Fits == fleet.FitUnknown {
		c.Evicts /= 2
	}
}

// settle works out how long the server has not been loading.
func (c *Candidate) settle(state *fleet.State, key string, now time.Time) {
	c.Settled = forever
	c.Server.EachFacts(func(other string, f *fleet.Facts) {
		c.Settled = min(c.Settled, now.Sub(f.Came))
		if since := now.Sub(f.Loading); !f.Loading.IsZero() && since < longLoads*cmp.Or(f.Load.Typical, assumed(size(c.Server, state, other))) {
			c.Taken = true
		}
	})
}

// longLoads is after how many times its usual time a load is no longer believed to be under way: the
// answer may be one in one piece, which says nothing until it is over.
const longLoads = 4

// runs is which of the models that are loaded a request for a model's key has used, -1 = none.
func runs(state *fleet.State, key string) int {
	m := state.Running(key)
	return slices.IndexFunc(state.Loaded, func(l fleet.Model) bool { return m != nil && l.Key == m.Key })
}

// atWork is how lately a model must have been used for pushing it out to be sure to cost a load soon.
const atWork = time.Minute

// evicted is what making room costs: Ollama pushes out what is idle first, and of
// that what was not used for longest. The longer a model has rested, the less likely it is missed.
func evicted(all []resident, over int64) (cost time.Duration) {
	slices.SortFunc(all, func(a, b resident) int {
		if a.works != b.works {
			return cmp.Compare(rank(a.works), rank(b.works))
		}
		return cmp.Compare(b.rested, a.rested)
	})
	for _, r := range all {
		if over <= 0 {
			break
		}
		over -= r.size
		cost += time.Duration(float64(r.load) * min(1, float64(atWork)/float64(max(r.rested, 1))))
	}
	return cost
}

func rank(works bool) int {
	if works {
		return 1
	}
	return 0
}

// grown is how much more a model takes in memory than on disk, in tenths: its context comes on top.
const grown = 12

// size is what a model takes in memory, as it was seen to, or by what it takes on disk.
func size(s *fleet.Server, state *fleet.State, key string) int64 {
	if seen := s.Facts(key).Size; seen > 0 {
		return seen
	}
	if m := state.Has(key); m != nil {
		return m.Size / 10 * grown
	}
	return 0
}
