package app

import (
	"slices"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// residents are the models that are to be in memory, each on all its connections, or on those whose routes are marked.
func residents(cfg config.Config, connections []*fleet.Connection, table *route.Table, rules *rewrite.Rules) (out []jobs.Resident) {
	for _, model := range cfg.Preload {
		name, err := route.CheckName(model)
		if err != nil {
			continue // config has refused it, or it is a pattern
		}
		found, ok := table.Lookup(name)
		if !ok {
			continue // any that is loaded may be asked for, and this one has no route of its own
		}
		marked := marked(cfg, connections, found.Key)
		for _, to := range found.Route.To() {
			if len(marked) == 0 || slices.Contains(marked, to.Connection) {
				out = append(out, jobs.Resident{
					Connection: to.Connection, Name: found.Model, Perhaps: found.Route.Pattern,
					Wish: rules.For(found.Model, to.Connection.ID()),
				})
			}
		}
	}
	return out
}

// marked are the connections that a model is to be preloaded on because its routes say so, none = no route does.
func marked(cfg config.Config, connections []*fleet.Connection, key string) (out []*fleet.Connection) {
	for _, m := range cfg.Models {
		if n, err := route.CheckName(m.Name); err != nil || n.Key() != key {
			continue
		}
		for _, r := range m.Routes {
			if r.Preload {
				out = append(out, connections[r.Connection])
			}
		}
	}
	return out
}

// A Preload is a model that is to be in memory, as a person is told of it.
type Preload struct {
	Model       string
	Connections []string // IDs
	Ping        string   // how often it is renewed at least, "" = never
}

// Preloads are the models that are to be in memory, in the operator's order. What rules have leave at once is none of them.
func (a *App) Preloads() (out []Preload) {
	s := a.settings()
	cfg := s.cfg
	ping := ""
	if cfg.Ping > 0 {
		ping = lasting(rewrite.KeepAlive(cfg.Ping))
	}
	for _, r := range s.residents {
		if k := r.Wish.KeepAlive; k.Said() && k.Value == 0 {
			continue
		}
		if n := len(out); n == 0 || out[n-1].Model != r.Name.Short() {
			out = append(out, Preload{Model: r.Name.Short(), Ping: ping})
		}
		last := &out[len(out)-1]
		last.Connections = append(last.Connections, r.Connection.ID())
	}
	return out
}
