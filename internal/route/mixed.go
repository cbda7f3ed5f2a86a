package route

import (
	"cmp"
	"slices"

	"gollamas/internal/fleet"
)

// A Mixed is a model that is not the same on all the servers it is routed to: same
// name, other digest. Answers differ without a sign, and vectors cannot be compared.
type Mixed struct {
	Model   string              `json:"model"`
	Digests map[string][]string `json:"digests"` // digest → servers' IDs
}

// Mixed lists such models, by name.
func (t *Table) Mixed() []Mixed {
	all := map[string]*Mixed{}
	for _, r := range t.all {
		for _, at := range r.Members() {
			t.note(all, r, at.Server)
		}
	}
	var out []Mixed
	for _, m := range all {
		if len(m.Digests) > 1 {
			out = append(out, *m)
		}
	}
	slices.SortFunc(out, func(a, b Mixed) int { return cmp.Compare(a.Model, b.Model) })
	return out
}

// note notes the digest of every model of a server that takes this route.
func (t *Table) note(all map[string]*Mixed, r *Route, s *fleet.Server) {
	for _, have := range s.State().Installed {
		if have.Digest == "" || have.RemoteHost != "" {
			continue
		}
		if to, ok := t.find(have.Name, have.Key); !ok || to != r {
			continue
		}
		m := all[have.Key]
		if m == nil {
			m = &Mixed{Model: have.Name.Full(), Digests: map[string][]string{}}
			all[have.Key] = m
		}
		m.Digests[have.Digest] = append(m.Digests[have.Digest], s.ID())
	}
}
