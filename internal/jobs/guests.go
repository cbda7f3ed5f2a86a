package jobs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gollamas/internal/fleet"
)

// Guests are the models in a server's memory by their keys, and how many bytes each takes; 0 = not known.
type guests map[string]int64

// guests are what the last look has seen, and what has answered since.
func (h *house) guests(state *fleet.State) guests {
	out := guests{}
	for _, m := range state.Loaded {
		out[m.Key] = m.Size
	}
	h.server.EachFacts(func(key string, f *fleet.Facts) {
		if f.Loaded(state, key) && state.Running(key) == nil {
			out[key] = size(f, state, key)
		}
	})
	return out
}

// without are the same but for one.
func (g guests) without(key string) guests {
	out := maps.Clone(g)
	delete(out, key)
	return out
}

func (g guests) sum() (n int64) {
	for _, size := range g {
		n += size
	}
	return n
}

// still says whether all that were are there, and take no less: what did not fit beside them does not now.
func (g guests) still(before guests) bool {
	for key, size := range before {
		if now, here := g[key]; !here || now < size && now > 0 {
			return false
		}
	}
	return true
}

// size is how many bytes a model takes, as it was seen, or as its file has; 0 = not known.
func size(f *fleet.Facts, state *fleet.State, key string) int64 {
	m := state.Has(key)
	switch {
	case f.Size > 0:
		return f.Size
	case m != nil:
		return m.Size
	}
	return 0
}

// recent is how long a model counts as used behind a request for it.
const recent = time.Minute

// used names those that clients have used lately.
func (h *house) used(g guests, now time.Time) (names []string) {
	for key := range g {
		last := h.server.Facts(key).Used
		if i := slices.IndexFunc(h.residents, func(r *resident) bool { return r.key == key }); i >= 0 {
			last = h.residents[i].client
		}
		if h.server.Facts(key).InFlight > 0 || !last.IsZero() && now.Sub(last) < recent {
			names = append(names, key)
		}
	}
	return names
}

// fit says whether a model fits beside the guests. What it takes in memory is more than its file; until
// it was seen there, by how much is a guess.
func (h *house) fit(g guests, r *resident, state *fleet.State) fleet.Fit {
	facts := h.server.Facts(r.key)
	least := size(facts, state, r.key)
	most := least
	if facts.Size == 0 {
		most += most / 5
	}
	used := g.sum()
	switch {
	case state.Room.Fits(used+least) == fleet.FitNo:
		return fleet.FitNo
	case state.Room.Fits(used+most) == fleet.FitYes:
		return fleet.FitYes
	}
	return fleet.FitUnknown
}

// list names guests for people, by the names that the server has for them.
func (g guests) list(state *fleet.State) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(g)) {
		out = append(out, nameOf(state, key))
	}
	return strings.Join(out, ", ")
}

// nameOf is the server's own name of a model.
func nameOf(state *fleet.State, key string) string {
	if m := state.Has(key); m != nil {
		return m.Listed.Name
	}
	if m := state.Running(key); m != nil {
		return m.Listed.Name
	}
	return key
}

// readable writes a size as people read it.
func readable(n int64) string {
	const mib, gib = 1 << 20, 1 << 30
	if n >= gib {
		return fmt.Sprintf("%.1f GiB", float64(n)/gib)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/mib)
}
