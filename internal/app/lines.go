package app

import (
	"gollamas/internal/route"
)

// A Line is one route as a person is told of it.
type Line struct {
	Model   string
	Aliases []string
	Servers []string // connections, in the operator's order
	Balance string   // which of them is asked first
}

// Lines are the routes in the operator's order.
func Lines(t *route.Table) []Line {
	var out []Line
	for _, r := range t.All() {
		l := Line{Model: r.Name, Aliases: t.AliasesOfRoute(r), Servers: r.Connections(), Balance: r.Balance}
		out = append(out, l)
	}
	return out
}
