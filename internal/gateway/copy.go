package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// A copying is a wish to give a model one more name.
type copying struct {
	model    rewrite.Model // the source
	to       string
	from, as subject
}

// copy gives a model one more name, on every server that holds it and that the new name leads to.
func (g *Gateway) copy(ask Ask) Decision {
	c, no := g.readCopy(ask)
	if no != nil {
		return Decision{Asked: c.model.Asked, Answer: no}
	}
	e := ask.Endpoint
	what := jobs.Request{Method: e.Method, Path: e.Path, Body: slices.Concat(c.model.Body(c.from.name)...), Via: ask.Via}
	return Decision{Asked: c.model.Asked, Model: c.from.known(), Wait: func(ctx context.Context, _ Teller) Answer {
		g.fresh(ctx, c.from.servers)
		servers, no := c.where(e)
		if no != nil {
			return *no
		}
		return g.everywhere(ctx, servers, what, "copied")
	}}
}

// readCopy reads both names, in Ollama's order.
func (g *Gateway) readCopy(ask Ask) (c copying, no *Answer) {
	e := ask.Endpoint
	c.model.Field = ollama.FieldSource
	var err error
	if c.model.Object, err = ollama.ReadObject(ask.Body); err == nil {
		err = ollama.Check(ask.Body)
	}
	if err == nil {
		c.model.Asked, err = c.model.Object.String(ollama.FieldSource)
	}
	if err == nil {
		c.to, err = c.model.Object.String(ollama.FieldDestination)
	}
	if err != nil {
		a := refusal(e.Dialect, http.StatusBadRequest, parseText(e, err))
		return c, &a
	}
	if no = cmp.Or(copied(e, "source", c.model.Asked), copied(e, "destination", c.to)); no != nil {
		return c, no
	}
	if c.from, no = g.subject(ask, c.model.Asked, func(asked string) *Answer { return uncopied(e, asked) }); no != nil {
		return c, no
	}
	if c.as, no = g.subject(ask, c.to, func(asked string) *Answer { return unrouted(e, asked) }); no != nil {
		return c, no
	}
	return c, own(ask, c.as)
}

// copied refuses a name that cannot be copied from or to.
func copied(e *Endpoint, what, name string) *Answer {
	if _, err := ollama.ParseName(name); err != nil {
		a := refusal(e.Dialect, http.StatusBadRequest, fmt.Sprintf("%s %q is invalid", what, name))
		return &a
	}
	return settled(e, name)
}

func uncopied(e *Endpoint, asked string) *Answer {
	a := refusal(e.Dialect, http.StatusNotFound, "model "+strconv.Quote(asked)+" not found")
	return &a
}

// where are the servers that make the copy.
func (c copying) where(e *Endpoint) ([]*fleet.Server, *Answer) {
	if c.from.named {
		return c.from.servers, nil
	}
	have := holders(c.from.servers, c.from.key)
	if len(have) == 0 {
		return nil, uncopied(e, c.model.Asked)
	}
	both := slices.DeleteFunc(slices.Clone(have), func(s *fleet.Server) bool { return !among(c.as.servers, s) })
	if len(both) == 0 {
		a := refusal(e.Dialect, http.StatusForbidden, fmt.Sprintf("%q is on %s, and gollamas has no route for %q there, so nobody could use it: give it one, or name a server in %s",
			c.model.Asked, ids(have), c.to, serverHeader))
		return nil, &a
	}
	return both, nil
}
