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

// A box is what choosing needs to know of a server's memory, for whatever model.
type box struct {
	loaded  []resident
	used    int64         // bytes, of those and of what is being loaded
	settled time.Duration // how long ago the last load was over
	taken   bool          // something is being loaded
}

// boxes are those that were looked at while one lock was held: with many requests
// waiting for many models, each is asked for often.
type boxes map[*fleet.Server]*box

func (b boxes) of(s *fleet.Server, state *fleet.State, now time.Time) *box {
	if b[s] == nil {
		b[s] = newBox(s, state, now)
	}
	return b[s]
}

func newBox(s *fleet.Server, state *fleet.State, now time.Time) *box {
	b := &box{loaded: make([]resident, 0, len(state.Loaded)), settled: forever}
	for i := range state.Loaded {
		m := &state.Loaded[i]
		b.used += m.Size
		b.loaded = append(b.loaded, resident{size: m.Size, load: assumed(m.Size), rested: atWork})
	}
	s.EachFacts(func(key string, f *fleet.Facts) {
		b.settled = min(b.settled, now.Sub(f.Came))
		loads := !f.Loading.IsZero()
		b.taken = b.taken || loads && now.Sub(f.Loading) < longLoads*loadTime(s, state, key, f)
		if i := runs(state, key); i >= 0 {
			r := &b.loaded[i]
			r.load, r.rested, r.works = cmp.Or(f.Load.Typical, r.load), now.Sub(f.Used), f.InFlight > 0
		} else if loads {
			b.used += size(s, state, key)
		}
	})
	return b
}

// room works out whether a model that is not loaded fits beside what is, and what it costs if it does not.
func (c *Candidate) room(b *box, state *fleet.State, key string) {
	c.Size, c.Settled, c.Taken = size(c.Server, state, key), b.settled, b.taken
	c.Fits = state.Room.Fits(b.used + c.Size)
	c.Spills = state.Room.Fits(c.Size) == fleet.FitNo
	if b.used == 0 {
		c.Fits = fleet.FitYes // alone, whatever there is is loaded
	}
	if c.Fits != fleet.FitYes {
		c.Evicts = evicted(slices.Clone(b.loaded), b.used+c.Size-state.Room.Held)
	}
	if c.Fits == fleet.FitUnknown {
		c.Evicts /= 2
	}
}

// yields says that a model may have to leave for another that is being loaded. Ollama waits until
// it is idle, and serves whoever asks for it meanwhile: the other would wait for ever.
func yields(s *fleet.Server, key string, state *fleet.State, now time.Time) bool {
	p := s.Pushing()
	if p == nil || p.Key == key {
		return false
	}
	since, usual := now.Sub(p.Since), loadTime(s, state, p.Key, s.Facts(p.Key))
	return since < longLoads*usual && (p.Surely || since > usual) // one that takes no longer than usual has found room
}

// loadTime is what loading a model takes, as far as is known.
func loadTime(s *fleet.Server, state *fleet.State, key string, f *fleet.Facts) time.Duration {
	return cmp.Or(f.Load.Typical, assumed(size(s, state, key)))
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
