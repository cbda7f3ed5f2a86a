package gateway

import (
	"context"
	"net/http"
	"slices"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// hasBlob says whether every server that a model could be made on has a file.
func (g *Gateway) hasBlob(ask Ask) Decision {
	return g.blob(ask, func(ctx context.Context, servers []*fleet.Server) Answer {
		all := g.changes.Meant(ctx, ask.Segment, servers, ask.Via)
		a := Answer{Status: http.StatusOK, Header: http.Header{serverHeader: jobs.Done(all)}}
		a.Attempts = attempts(slices.DeleteFunc(slices.Clone(all), func(o jobs.Outcome) bool { return o.Status == http.StatusNotFound }))
		if len(jobs.Done(all)) < len(all) {
			a.Status, a.Why = http.StatusNotFound, jobs.Account(all, "found")
		}
		return a
	})
}

// takeBlob sends a file to every server that a model could be made on. One that fails is told of, and the create that
// follows does without it; only where all fail the client is refused.
func (g *Gateway) takeBlob(ask Ask) Decision {
	return g.blob(ask, func(ctx context.Context, servers []*fleet.Server) Answer {
		all, err := g.changes.Send(ctx, ask.Segment, servers, ask.Upload, ask.Via)
		if err != nil {
			return g.broken(ask, err)
		}
		done := jobs.Done(all)
		if len(done) == 0 {
			return *failure(all, "stored")
		}
		a := Answer{Status: http.StatusOK, Header: http.Header{serverHeader: done}, Attempts: attempts(all)}
		if slices.ContainsFunc(all, func(o jobs.Outcome) bool { return o.Status == http.StatusCreated }) {
			a.Status = http.StatusCreated
		}
		if len(done) < len(all) {
			a.Why = "the file is " + jobs.Account(all, "stored")
			a.Header.Add(noteHeader, a.Why)
		}
		for _, o := range all {
			if o.Note != "" { // of another gollamas
				a.Header.Add(noteHeader, o.Server.ID()+": "+o.Note)
			}
		}
		return a
	})
}

// broken is what is left to say where a file could not be read to its end: mostly the client has left.
func (g *Gateway) broken(ask Ask, err error) Answer {
	if a := g.unread(ask.Endpoint, err); a.Status != proxy.StatusGone {
		return *a
	}
	return Answer{}
}

// blob decides on a request about a file.
func (g *Gateway) blob(ask Ask, do func(context.Context, []*fleet.Server) Answer) Decision {
	if !ollama.IsDigest(ask.Segment) {
		a := refusal(ask.Endpoint.Dialect, http.StatusBadRequest, "invalid digest format")
		return Decision{Answer: &a}
	}
	servers, no := g.mayMake(ask)
	if no != nil {
		return Decision{Answer: no}
	}
	return Decision{Wait: func(ctx context.Context, _ Teller) Answer { return do(ctx, servers) }}
}

// mayMake are the servers that a model could be made on, for whose it is a file does not say: all that a route leads to, and
// that are up or were meant to have the file lately.
func (g *Gateway) mayMake(ask Ask) ([]*fleet.Server, *Answer) {
	at, no := g.only(ask)
	switch {
	case no != nil:
		return nil, no
	case at != nil:
		return []*fleet.Server{at}, nil
	}
	all := distinct(g.table.Routed())
	sent := g.changes.Sent(ask.Segment)
	up := slices.DeleteFunc(slices.Clone(all), func(s *fleet.Server) bool {
		meant := slices.ContainsFunc(sent, func(o jobs.Outcome) bool { return o.Server == s })
		return !s.State().Up && !meant
	})
	if len(up) == 0 {
		up = all
	}
	if len(up) == 0 {
		a := refusal(ask.Endpoint.Dialect, http.StatusServiceUnavailable, "there is no server to store a file on")
		return nil, &a
	}
	return up, nil
}
