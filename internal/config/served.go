package config

import (
	"slices"

	"gollamas/internal/ollama"
)

// served notes what keeps a setting for a model, or for all that a pattern matches, from ever
// being used: no request for it leads to a server, or none to the connection, -1 = any. What a
// model in the file says of itself, own, stays right where the command routes it elsewhere.
func (c *composer) served(place, model string, connection int, own bool) bool {
	if err := checkModel(model); err != nil {
		if !own { // else it is told already
			c.problems.add(place, "%v", err)
		}
		return false
	}
	if !c.whole || c.AllowRunning || own && c.moved(model) {
		return true // if the routes are wrong, they may be all that is
	}
	for _, a := range c.Aliases {
		if sameModel(a.Name, model) {
			c.problems.add(place, "%q is an alias: name its model, %q", model, a.Model)
			return false
		}
	}
	routes := c.routesOf(model)
	switch {
	case len(routes) == 0:
		c.problems.add(place, "%q has no route%s", model, c.nearModel(model))
	case connection >= 0 && !slices.ContainsFunc(routes, func(r Route) bool { return r.Connection == connection }):
		to := c.Connections[connection].name()
		c.problems.add(place, "%q has no route to %q: --proxy %[1]s=%[2]s gives it one", model, to)
	default:
		return true
	}
	return false
}

// moved says whether the command routes a model.
func (c *composer) moved(model string) bool {
	return slices.ContainsFunc(c.commanded, func(s said[way]) bool { return sameModel(s.key, model) })
}

// nearModel says what a model without a route may have been meant to be, or what to do.
func (c *composer) nearModel(model string) string {
	var names []string
	for _, m := range c.Models {
		names = append(names, m.Name)
	}
	if near := Near(model, names); near != "" {
		return near
	}
	return ": --proxy " + model + "=URL gives it one"
}

// routesOf are the routes that requests for a model may take: its own, or those of patterns that
// match it. Of a pattern they are those of all that it meets.
func (c *composer) routesOf(model string) []Route {
	if i := c.model(model); i >= 0 && !ollama.IsPattern(model) {
		return c.Models[i].Routes
	}
	var out []Route
	for _, m := range c.Models {
		if asPattern(m.Name).Meets(asPattern(model)) {
			out = append(out, m.Routes...)
		}
	}
	return out
}

// asPattern makes a pattern of a name too.
func asPattern(model string) ollama.Pattern {
	if !ollama.IsPattern(model) {
		model = ollama.Normal(model)
	}
	p, _ := ollama.ParsePattern(model) // it has been checked
	return p
}
