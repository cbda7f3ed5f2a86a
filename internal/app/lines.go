package app

import (
	"gollamas/internal/route"
)

// A Line is one route as a person is told of it.
type Line struct {
	Model   string
	Aliases []string
	Servers []string
}

// Lines are the routes in the operator's order.
func Lines(t *route.Table) []Line {
	var out []Line
	for _, r := range t.All() {
		l := Line{Model: r.Name, Aliases: t.AliasesOfRoute(r), Servers: r.Connections()}
		out = append(out, l)
	}
	return out
}
