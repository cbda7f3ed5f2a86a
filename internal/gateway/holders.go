package gateway

import (
	"context"
	"net/http"
	"slices"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
)

// delete has a model removed from every server that holds it, with what gollamas has made of it there.
func (g *Gateway) delete(ask Ask) Decision {
	e := ask.Endpoint
	model, sub, no := g.about(ask, func(asked string) *Answer { return g.missing(e, asked) })
	if no == nil {
		no = own(ask, sub)
	}
	if no != nil {
		return Decision{Asked: model.Asked, Answer: no}
	}
	what := jobs.Request{Method: e.Method, Path: e.Path, Body: slices.Concat(model.Body(sub.name)...), Via: ask.Via, Then: unmake(sub.key)}
	return Decision{Asked: model.Asked, Model: sub.known(), Wait: func(ctx context.Context, _ Teller) Answer {
		g.fresh(ctx, sub.servers)
		servers := holders(sub.servers, sub.key)
		if sub.named {
			servers = sub.servers
		}
		if len(servers) == 0 {
			return *g.missing(e, model.Asked)
		}
		return g.everywhere(ctx, servers, what, "deleted")
	}}
}

// unmake removes the variants of a model that was deleted: its file stays on the disk as long as they need it.
func unmake(key string) func(context.Context, *fleet.Server, *fleet.State) {
	return func(ctx context.Context, s *fleet.Server, before *fleet.State) {
		for _, v := range before.Variants {
			if base, _ := before.BaseOf(v); base != nil && base.Key == key {
				_ = jobs.Remove(ctx, s, v.Listed.Name) // `gollamas variants` shows what stays
			}
		}
	}
}

// holders are the servers that have a model, be they down; and those of which nobody knows, for they have not answered yet.
func holders(servers []*fleet.Server, key string) []*fleet.Server {
	return slices.DeleteFunc(slices.Clone(servers), func(s *fleet.Server) bool {
		state := s.State()
		return state.Known && state.Has(key) == nil
	})
}

// everywhere sends servers a short request and answers for all. One that turns out not to have the model has nothing to do.
func (g *Gateway) everywhere(ctx context.Context, servers []*fleet.Server, what jobs.Request, did string) Answer {
	all := g.changes.Ask(ctx, servers, what)
	if all == nil {
		return Answer{}
	}
	if len(jobs.Done(all)) > 0 {
		all = slices.DeleteFunc(all, func(o jobs.Outcome) bool { return o.Status == http.StatusNotFound })
	}
	if a := failure(all, did); a != nil {
		return *a
	}
	a := Answer{Status: all[0].Status, Header: http.Header{}, Body: all[0].Body, Attempts: attempts(all)}
	a.Header[serverHeader] = jobs.Done(all)
	return a
}
