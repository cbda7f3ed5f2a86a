package admin

import (
	"net/http"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/route"
)

// A state is everything that is known, as /api/state shows it. Durations are in
// seconds, sizes in bytes; a time that never was is left out.
type state struct {
	Version  string        `json:"version"`
	Started  time.Time     `json:"started"`
	Stopping bool          `json:"stopping"`
	Settings *settings     `json:"settings,omitempty"`
	Shared   *Shared       `json:"shared,omitempty"` // left out where each counts for itself
	Servers  []server      `json:"servers"`
	Models   []model       `json:"models"`
	Mixed    []route.Mixed `json:"mixed"` // one name, different models
	Queues   []queue       `json:"queues"`
	Loading  []loadingNow  `json:"loading"`  // under way, by gollamas' own doing; the oldest first
	Changing []changingNow `json:"changing"` // pulls and creates that are under way; the oldest first
}

// A Shared is what replicas count together.
type Shared struct {
	Up       bool `json:"up"`       // they do; otherwise each counts for itself for now
	Replicas int  `json:"replicas"` // heard of last, this one too
}

// A model is a route: a name or a pattern, and what it leads to.
type model struct {
	Name        string   `json:"name"`
	Aliases     []string `json:"aliases"`
	Balance     string   `json:"balance"`
	Connections []to     `json:"connections"`
	Served      bool     `json:"served"`
	Why         string   `json:"why,omitempty"` // where it is not
}

// A to is a connection of a model.
type to struct {
	Connection string `json:"connection"`
	Weight     int    `json:"weight"`
	Tier       int    `json:"tier"`
}

// A queue is a model that is waited for.
type queue struct {
	Model  string  `json:"model"`
	Length int     `json:"length"`
	Oldest float64 `json:"oldest_wait_seconds"`
}

func (a *admin) state(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	s := state{
		Version: a.Version, Started: moment(a.Started), Stopping: a.stopping(), Settings: a.settings(),
		Servers: []server{},
		Models:  list(a.Table.All(), a.model),
		Mixed:   list(a.Table.Mixed(), func(m route.Mixed) route.Mixed { return m }),
		Queues: list(a.Desk.Queues(), func(q balance.Waiting) queue {
			return queue{q.Model, q.Length, seconds(q.Oldest)}
		}),
		Loading: a.loading(now), Changing: a.changing(now),
	}
	if a.Shared != nil {
		s.Shared = a.Shared()
	}
	for _, c := range a.Connections {
		for _, at := range c.Servers() {
			s.Servers = append(s.Servers, a.server(at, now))
		}
	}
	object(w, s)
}

func (a *admin) model(r *route.Route) model {
	why := unserved(r)
	return model{
		Name: r.Name, Balance: r.Balance, Served: why == "", Why: why,
		Aliases: list(a.Table.AliasesOfRoute(r), func(name string) string { return name }),
		Connections: list(r.To(), func(t route.To) to {
			return to{t.Connection.ID(), max(t.Weight, 1), t.Tier}
		}),
	}
}
