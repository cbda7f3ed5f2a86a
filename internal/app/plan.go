package app

import (
	"cmp"
	"fmt"
	"slices"

	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

// A Plan is what the servers lack of what the configuration gives them, as the last look at them shows it.
type Plan struct {
	Routed  int         // models that have a route by their name: only these are pulled
	Pulls   []Pull      // in the order of the routes
	Differ  []Different // by name
	Stubs   []Stub      // in the order of the routes
	Unknown []error     // a server each that did not answer, and why
}

// A Pull is a model that one server lacks.
type Pull struct {
	Server string // its ID
	Model  string // as people write it

	on  *fleet.Server
	key string // of the model's name
}

func (p Pull) String() string { return p.Model + " on " + p.Server }

// A Stub is a name that stands, on one server, for a model elsewhere. gollamas sends no request there, and to pull would be
// to put something in its place: that is for a person to decide.
type Stub struct {
	Server string // its ID
	Model  string // as people write it
	Host   string // where its requests would go
}

// places are a configuration's servers, each once whatever leads to it, so that no box is told a thing twice.
type places map[string]*fleet.Server

// places takes, of several connections to one URL, the first that answers: the others may lack a key.
func (a *App) places() places {
	out := places{}
	for _, c := range a.settings().connections {
		for _, s := range c.Servers() {
			if had := out[s.URL()]; had == nil || !had.State().Up && s.State().Up {
				out[s.URL()] = s
			}
		}
	}
	return out
}

// of are a route's servers that answer, in the operator's order.
func (p places) of(r *route.Route) (out []*fleet.Server) {
	for _, m := range r.Members() {
		s := p[m.Server.URL()]
		if s != nil && s.State().Up && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Plan compares what was last seen of the servers with the configuration.
func (s *Sync) Plan() Plan {
	a := s.app
	table := a.settings().table
	p := Plan{Unknown: a.unknown()}
	places := a.places()
	found := copies{}
	for _, r := range table.All() {
		at := places.of(r)
		if !r.Pattern {
			p.Routed++
			p.lacking(r, at)
		}
		found.note(table, r, at)
	}
	p.Differ = found.different()
	return p
}

// lacking plans that a model is pulled where it is absent.
func (p *Plan) lacking(r *route.Route, at []*fleet.Server) {
	for _, s := range at {
		switch have := s.State().Has(r.Key); {
		case have == nil:
			p.Pulls = append(p.Pulls, Pull{Server: s.ID(), Model: r.Short, on: s, key: r.Key})
		case have.RemoteHost != "":
			p.Stubs = append(p.Stubs, Stub{Server: s.ID(), Model: r.Short, Host: have.RemoteHost})
		}
	}
}

// unknown are the servers that did not answer the last look.
func (a *App) unknown() (out []error) {
	for _, c := range a.settings().connections {
		if len(c.Servers()) == 0 {
			out = append(out, fmt.Errorf("%s: no address is found for its name", c.ID()))
		}
		for _, s := range c.Servers() {
			if state := s.State(); !state.Up {
				out = append(out, fmt.Errorf("%s does not answer: %s", s.ID(), cmp.Or(state.Err, "nothing came in time")))
			}
		}
	}
	return out
}
