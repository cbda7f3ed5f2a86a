package gateway

import (
	"context"
	"net/http"

	"gollamas/internal/jobs"
)

// me says whose ollama.com account the servers use: the ollama command asks before it pushes. The first that has one
// answers, in the operator's order, or else the first that answers at all; a push goes to whichever holds the model.
func (g *Gateway) me(ask Ask) Decision {
	e := ask.Endpoint
	at, no := g.only(ask)
	if no != nil {
		return Decision{Answer: no}
	}
	servers := awake(distinct(g.table.Routed()))
	if at != nil {
		servers = append(servers[:0], at)
	}
	what := jobs.Request{Method: e.Method, Path: e.Path, Via: ask.Via, Asks: true}
	return Decision{Wait: func(ctx context.Context, _ Teller) Answer {
		all := g.changes.Ask(ctx, servers, what)
		var best *jobs.Outcome
		for i, o := range all {
			if o.Status != 0 && (best == nil || o.Done && !best.Done) {
				best = &all[i]
			}
		}
		switch {
		case all == nil:
			return Answer{}
		case best == nil:
			a := refusal(e.Dialect, http.StatusBadGateway, jobs.Account(all, "answered"))
			a.Attempts = attempts(all)
			return a
		}
		a := answer(best.Status, typeJSON, best.Body)
		a.Header[serverHeader] = []string{best.Server.ID()}
		return a
	}}
}
