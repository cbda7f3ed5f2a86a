package route

import (
	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// settle notes the members of a route whose servers never change.
func (r *Route) settle() {
	for _, to := range r.to {
		if to.Connection.Discovers() {
			return
		}
	}
	r.fixed = r.members()
}

func (r *Route) members() []balance.Member {
	out := make([]balance.Member, 0, len(r.to))
	for _, to := range r.to {
		for _, s := range to.Connection.Servers() {
			out = append(out, balance.Member{Server: s, Weight: to.Weight, Tier: to.Tier})
		}
	}
	return out
}

// Members are the route's servers, in the operator's order. They are not to be changed.
func (r *Route) Members() []balance.Member {
	if r.fixed != nil {
		return r.fixed
	}
	return r.members()
}

// To is what the route leads to, in the operator's order. It is not to be changed.
func (r *Route) To() []To { return r.to }

// Members are the servers that may have the model: of a name that only a pattern
// matches, those that list it or have not been seen yet; if there is none, and
// that is allowed, those that happen to have it loaded. remote says that one has it only as
// a stub for a model elsewhere, which is not to be asked.
func (m Match) Members() (out []balance.Member, remote bool) {
	all := m.Route.Members()
	out = all
	for i, at := range all {
		state := at.Server.State()
		have := state.Has(m.Key)
		stub := have != nil && have.RemoteHost != ""
		remote = remote || stub
		drop := stub || m.Pattern && have == nil && state.Known
		switch {
		case drop && len(out) == len(all):
			out = append(make([]balance.Member, 0, len(all)), all[:i]...)
		case !drop && len(out) < len(all):
			out = append(out, at)
		}
	}
	if len(out) == 0 && !m.Exact() {
		out = m.loaded()
	}
	return out, remote
}

// Exact says that the operator has named this very model.
func (m Match) Exact() bool { return m.Route.Key != "" }

// loaded are the servers that have the model in their memory, whatever the routes say.
func (m Match) loaded() (out []balance.Member) {
	for _, c := range m.running {
		for _, s := range c.Servers() {
			if state := s.State(); state.Up && state.Running(m.Key) != nil {
				out = append(out, balance.Member{Server: s})
			}
		}
	}
	return out
}

// AllowRunning has the table also serve what is loaded on any of these
// connections, whether it has a route or not. It belongs to building the table.
func (t *Table) AllowRunning(on []*fleet.Connection, policy string) {
	t.running = on
	t.loose = &Route{Pattern: true, Balance: policy, Policy: balance.Named(policy), fixed: []balance.Member{}}
}

// Connections is every connection whose models may be served, each once, in the operator's order.
func (t *Table) Connections() []*fleet.Connection {
	seen := map[*fleet.Connection]bool{}
	var out []*fleet.Connection
	add := func(c *fleet.Connection) {
		if !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	for _, r := range t.all {
		for _, to := range r.to {
			add(to.Connection)
		}
	}
	for _, c := range t.running {
		add(c)
	}
	return out
}

// Servers is every server of those connections, now.
func (t *Table) Servers() []*fleet.Server {
	var out []*fleet.Server
	for _, c := range t.Connections() {
		out = append(out, c.Servers()...)
	}
	return out
}

// Routed is every server that a route leads to, now, as often as one does.
func (t *Table) Routed() (out []*fleet.Server) {
	for _, r := range t.all {
		for _, at := range r.Members() {
			out = append(out, at.Server)
		}
	}
	return out
}

// Only is a model on one server, whatever the routes say.
func Only(s *fleet.Server, model ollama.Name) Match {
	r := &Route{Pattern: true, Policy: balance.Named(balance.Names[0]), fixed: []balance.Member{{Server: s}}}
	return Match{Route: r, Model: model, Key: model.Key()}
}
