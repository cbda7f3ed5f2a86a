package gateway

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// merged is every model that a route leads to and a server lists, each once:
// the entry of the first server of its route that has it. list picks the servers' list.
func (g *Gateway) merged(ask Ask, list func(*fleet.State) []fleet.Model) []fleet.Model {
	type place struct{ at, rank int }
	places := map[string]place{}
	var best []fleet.Model
	for _, s := range g.table.Servers() {
		for _, m := range list(s.State()) {
			match, ok := g.table.Lookup(source(m))
			if !ok || match.Send != "" || m.Variant || m.RemoteHost != "" && !g.leaves(ask) {
				continue
			}
			members, _ := match.Members()
			rank := slices.IndexFunc(members, func(at balance.Member) bool { return at.Server == s })
			if m.RemoteHost != "" { // behind any that has it at home
				members = match.Route.Members()
				rank = slices.IndexFunc(members, func(at balance.Member) bool { return at.Server == s })
				if rank >= 0 {
					rank += stubRank
				}
			}
			had, again := places[m.Key]
			switch {
			case rank < 0:
			case !again:
				places[m.Key] = place{len(best), rank}
				best = append(best, m)
			case rank < had.rank:
				places[m.Key] = place{had.at, rank}
				best[had.at] = m
			}
		}
	}
	var out []fleet.Model
	for _, m := range best {
		if ask.Key.Bounded() { // it names what the model was made of
			m.Listed.Raw = ollama.WithoutParent(m.Listed.Raw)
		}
		if ask.Key.Sees(source(m)) {
			out = append(out, m)
		}
		out = append(out, g.aliased(ask, m)...)
	}
	return out
}

// source is a model's name as a client says it: one of ollama.com's has a tag of its own in servers' lists.
func source(m fleet.Model) ollama.Name {
	if m.RemoteHost != "" {
		if asked, err := ollama.ParseName(m.Listed.Name); err == nil && asked.Cloud {
			return asked
		}
	}
	return m.Name
}

// stubRank is more than any server's place in a route.
const stubRank = 1 << 20

// aliased is m again under each of its aliases, where those are listed.
func (g *Gateway) aliased(ask Ask, m fleet.Model) []fleet.Model {
	if !g.listAliases {
		return nil
	}
	var out []fleet.Model
	for _, name := range g.table.AliasesOf(m.Key) {
		again := m
		again.Listed = m.Listed.As(name, "")
		again.Name, _ = ollama.ParseName(name) // the table took it, so it is one
		if ask.Key.Sees(again.Name) || ask.Key.Sees(m.Name) {
			out = append(out, again)
		}
	}
	return out
}

// installed is the merged /api/tags, newest first. Ollama compares whole
// seconds, and so does this: a server's own order of equals stands.
func (g *Gateway) installed(ask Ask) []fleet.Model {
	all := g.merged(ask, func(s *fleet.State) []fleet.Model { return s.Installed })
	slices.SortStableFunc(all, func(a, b fleet.Model) int { return cmp.Compare(b.ModifiedAt.Unix(), a.ModifiedAt.Unix()) })
	return all
}

// loaded is the merged /api/ps, longest to live first.
func (g *Gateway) loaded(ask Ask) []fleet.Model {
	all := g.merged(ask, func(s *fleet.State) []fleet.Model { return s.Loaded })
	slices.SortStableFunc(all, func(a, b fleet.Model) int { return cmp.Compare(b.ExpiresAt.Unix(), a.ExpiresAt.Unix()) })
	return all
}

func tags(g *Gateway, ask Ask) Answer {
	return g.listed(ask, g.installed, func(s *fleet.State) []fleet.Model { return slices.Concat(s.Installed, s.Variants) })
}

func ps(g *Gateway, ask Ask) Answer {
	return g.listed(ask, g.loaded, func(s *fleet.State) []fleet.Model { return s.Loaded })
}

// listed is a list of all servers, or that of the one that the client has named.
func (g *Gateway) listed(ask Ask, all func(Ask) []fleet.Model, of func(*fleet.State) []fleet.Model) Answer {
	at, no := g.only(ask)
	switch {
	case no != nil:
		return *no
	case at == nil:
		return listAnswer(all(ask))
	}
	state := at.State()
	if !state.Up {
		return refusal(ask.Endpoint.Dialect, http.StatusBadGateway, fmt.Sprintf("server %s does not answer: %s", at.ID(), cmp.Or(state.Err, "it has not been looked at yet")))
	}
	a := listAnswer(slices.DeleteFunc(slices.Clone(of(state)), func(m fleet.Model) bool {
		return !ask.Key.Sees(source(m)) || m.RemoteHost != "" && !ask.Key.Leaves(true)
	}))
	a.Header[serverHeader] = []string{at.ID()}
	return a
}

func listAnswer(all []fleet.Model) Answer {
	body := []byte(`{"models":[`)
	for i, m := range all {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, m.Raw...)
	}
	return answer(http.StatusOK, typeJSON, append(body, ']', '}'))
}
