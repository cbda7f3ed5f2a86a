package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// A Teller gives the client the records of a stream as they come.
type Teller interface {
	Head(http.Header)   // of the answer, before its first record
	Record(line []byte) // without a line end
}

// A wait finds the answer to a request that several servers have to do with. Once it has told a record, the body of what it
// returns is the last one. Answers with nothing in them are not given: the client has left.
type wait func(context.Context, Teller) Answer

// distinct is each server once, however many connections lead to it.
func distinct(servers []*fleet.Server) []*fleet.Server {
	var out []*fleet.Server
	for _, s := range servers {
		if !slices.ContainsFunc(out, func(o *fleet.Server) bool { return o.URL() == s.URL() }) {
			out = append(out, s)
		}
	}
	return out
}

// among says whether a server is one of these, whichever connection leads to it.
func among(servers []*fleet.Server, s *fleet.Server) bool {
	return slices.ContainsFunc(servers, func(o *fleet.Server) bool { return o.URL() == s.URL() })
}

// awake are the servers that are up, or all where none is.
func awake(servers []*fleet.Server) []*fleet.Server {
	up := slices.DeleteFunc(slices.Clone(servers), func(s *fleet.Server) bool { return !s.State().Up })
	if len(up) == 0 {
		return servers
	}
	return up
}

// freshLook bounds that look: a server that takes longer is taken as it was last seen.
const freshLook = 2 * time.Second

// fresh has the servers looked at that were up when they were looked at last, so that what was changed past gollamas is known.
func (g *Gateway) fresh(ctx context.Context, servers []*fleet.Server) {
	recent := time.Second // what clients do must not multiply into looks
	if g.manage {
		recent = 0
	}
	fleet.LookAll(ctx, servers, recent, freshLook)
}

// progress follows changes to their end, and answers for all of them. did is what was to be done, in the past.
func progress(ctx context.Context, all []*jobs.Change, did string, tell Teller, also ...jobs.Outcome) Answer {
	header := servedBy(all)
	var say func([]byte)
	if tell != nil {
		tell.Head(header)
		say = tell.Record
	}
	if jobs.Follow(ctx, all, len(all)+len(also) > 1, say) != nil {
		return Answer{}
	}
	outcomes := also
	for _, c := range all {
		outcomes = append(outcomes, c.Outcome())
	}
	if a := failure(outcomes, did); a != nil {
		if len(outcomes[0].Body) == 0 {
			a.Header.Set("Content-Type", typeBareJSON)
		}
		return *a
	}
	body := ollama.Progress{Status: ollama.Success}.JSON()
	if len(outcomes) == 1 {
		body = outcomes[0].Body
	}
	a := answer(http.StatusOK, typeBareJSON, body) // as Ollama has it where no stream is wanted (routes.go, waitForStream)
	a.Header[serverHeader], a.Attempts = header[serverHeader], attempts(outcomes)
	return a
}

// servedBy names the servers that were asked.
func servedBy(all []*jobs.Change) http.Header {
	h := http.Header{}
	for _, c := range all {
		h.Add(serverHeader, c.Server.ID())
	}
	return h
}

// failure is the answer where not all servers have done what was asked, nil where they have. Where they agree it is theirs.
func failure(all []jobs.Outcome, did string) *Answer {
	if len(jobs.Done(all)) == len(all) {
		return nil
	}
	a := refusal(ollama.Native, http.StatusBadGateway, jobs.Account(all, did))
	if one := all[0]; jobs.Agree(all) && one.Status != 0 {
		a = theirs(one, a)
	}
	a.Attempts = attempts(all)
	return &a
}

// theirs is the answer of servers that agree; account is gollamas' own, which names them.
func theirs(one jobs.Outcome, account Answer) Answer {
	switch {
	case one.Own && one.Status >= http.StatusBadRequest:
		account.Status = one.Status
		return account
	case one.Own:
		return account
	case one.Status < http.StatusBadRequest: // it went wrong in the stream: as Ollama says it where there is none
		return refusal(ollama.Native, http.StatusInternalServerError, one.Why)
	case json.Valid(one.Body):
		return answer(one.Status, cmp.Or(one.Type, typeJSON), one.Body)
	}
	return refusal(ollama.Native, one.Status, one.Why)
}

// unfound is the answer where the route's servers have all gone, or none has been found.
func unfound() Answer {
	return refusal(ollama.Native, http.StatusServiceUnavailable, "there is no server for it now: no address is found for the names of its connections")
}

// attempts is what the log is told of the servers.
func attempts(all []jobs.Outcome) []proxy.Attempt {
	var out []proxy.Attempt
	for _, o := range all {
		at := proxy.Attempt{Server: o.Server.ID(), Place: o.Server.Connection(), Status: o.Status, Err: o.Why, Why: proxy.WhyServed}
		switch {
		case !o.Done && o.Status == 0:
			at.Why = proxy.WhyUnreached
		case !o.Done:
			at.Why = proxy.WhyFailed
		}
		out = append(out, at)
	}
	return out
}
