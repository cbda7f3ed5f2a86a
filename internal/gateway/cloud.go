package gateway

import (
	"gollamas/internal/balance"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// away finds the servers for a model of ollama.com's: all that its route leads to, for a server passes the request on, with
// an account of its own. found says that there is a route.
func (g *Gateway) away(ask Ask, asked string, match route.Match, found bool) (matched, *Answer) {
	e := ask.Endpoint
	if !g.leaves(ask) || e.Changes {
		return matched{}, noCloud(e)
	}
	if !found || match.Send != "" || match.Route.Name == "" { // an alias stands for a model, and what is merely loaded is no cloud's
		return matched{}, g.missing(e, asked)
	}
	match.Model, _ = ollama.ParseListed(asked) // servers list it under its whole name, and so must we not mistake it for the one at home
	match.Key = match.Model.Key()
	members := match.Route.Members()
	switch at, no := g.only(ask); {
	case no != nil:
		return matched{}, no
	case at != nil:
		members = route.Only(at, match.Model).Route.Members()
	}
	return matched{Match: match, members: members, away: true}, nil
}

// stubs are the servers that have a model as a stub for one elsewhere.
func stubs(m route.Match) (out []balance.Member) {
	for _, at := range m.Route.Members() {
		if have := at.Server.State().Has(m.Key); have != nil && have.RemoteHost != "" {
			out = append(out, at)
		}
	}
	return out
}
