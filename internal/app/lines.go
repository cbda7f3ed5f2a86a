package app

import (
	"strings"

	"gollamas/internal/config"
	"gollamas/internal/rewrite"
)

// A Line is one route as a person is told of it.
type Line struct {
	Model       string
	Aliases     []string
	Connections []Connection // in the operator's order
	Balance     string       // which of them is asked first
}

// A Connection is one of a route's.
type Connection struct {
	ID       string
	Weight   int // its share among others, at least 1
	Tier     int // a lower one is asked first
	Parallel int // requests at once on each of its servers, 0 = no limit
}

// Lines are the routes in the operator's order.
func (a *App) Lines() []Line {
	said := map[string]config.Connection{} // what the operator has said of a connection
	for i, c := range a.connections {
		said[c.ID()] = a.cfg.Connections[i]
	}
	var out []Line
	for _, r := range a.table.All() {
		l := Line{Model: r.Name, Aliases: a.table.AliasesOfRoute(r), Balance: r.Balance}
		for _, to := range r.To() {
			id := to.Connection.ID()
			l.Connections = append(l.Connections, Connection{id, max(to.Weight, 1), to.Tier, said[id].Parallel})
		}
		out = append(out, l)
	}
	return out
}

// ids are the connections' alone, for the log.
func (l Line) ids() []string {
	var out []string
	for _, c := range l.Connections {
		out = append(out, c.ID)
	}
	return out
}

// lasting is a keep_alive as an operator writes it: 30m rather than 30m0s.
func lasting(k rewrite.KeepAlive) string {
	text := k.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if short, ok := strings.CutSuffix(text, nothing); ok {
			text = short + nothing[:1]
		}
	}
	return text
}
