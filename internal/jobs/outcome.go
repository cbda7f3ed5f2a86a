package jobs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// An Outcome is what has come, on one server, of a request that goes to several.
type Outcome struct {
	Server *fleet.Server
	Done   bool
	Status int    // of its answer, 0 = there was none
	Why    string // it is not done: the server's own word, or why there is none
	Body   []byte // of the answer
	Type   string // its Content-Type, where it is not done
	Own    bool   // Why is gollamas' own
	Note   string // what another gollamas has noted of its answer
}

// Done are the IDs of the servers on which it is done.
func Done(all []Outcome) (ids []string) {
	for _, o := range all {
		if o.Done {
			ids = append(ids, o.Server.ID())
		}
	}
	return ids
}

// Agree says whether all failed alike: then any of their answers is the answer of all.
func Agree(all []Outcome) bool {
	return !slices.ContainsFunc(all, func(o Outcome) bool {
		return o.Done || o.Status != all[0].Status || o.Why != all[0].Why
	})
}

// Account says on which servers it is done, and on which not and why. did is what was to be done, in the past.
func Account(all []Outcome, did string) string {
	var not []string
	for _, o := range all {
		if !o.Done {
			not = append(not, fmt.Sprintf("%s (%s)", o.Server.ID(), clip(o.Why)))
		}
	}
	done := strings.Join(Done(all), ", ")
	switch {
	case len(not) == 0:
		return did + " on " + done
	case done == "":
		return "not " + did + " on " + strings.Join(not, ", ")
	}
	return did + " on " + done + ", but not on " + strings.Join(not, ", ")
}

// clip is as much of a server's word as is passed on, fit for a header and a terminal.
func clip(why string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(why[:min(len(why), longestWhy)], ""))
}

// doneStatuses are those of an answer that says yes.
var doneStatuses = []int{http.StatusOK, http.StatusCreated, http.StatusNoContent}

// longestAsk bounds a request that Ollama answers once it is done: to delete a large file takes a slow disk a while.
const longestAsk = 2 * time.Minute

// A Request is a short one that goes to several servers.
type Request struct {
	Method string
	Path   string
	Body   []byte
	Via    []string                                                        // each gollamas that it has been through, in fleet.ViaHeader
	Asks   bool                                                            // it changes nothing
	Then   func(ctx context.Context, s *fleet.Server, before *fleet.State) // done on each server that has done it, nil = nothing
}

// Ask sends servers one request, all at the same time, and waits for all of them. Who has done it is looked at
// again before. It goes on when ctx ends; then there are no outcomes.
func (c *Changes) Ask(ctx context.Context, servers []*fleet.Server, what Request) []Outcome {
	heard := make(chan Outcome, len(servers))
	c.mu.Lock()
	closed := c.closed
	for _, s := range servers {
		if !closed {
			c.running.Go(func() { heard <- c.one(s, what) })
		}
	}
	c.mu.Unlock()
	out := make([]Outcome, len(servers))
	for i := range out {
		out[i] = Outcome{Server: servers[i], Why: stopping}
	}
	for range servers {
		if closed {
			break
		}
		select {
		case o := <-heard:
			out[slices.Index(servers, o.Server)] = o
		case <-ctx.Done():
			return nil
		}
	}
	return out
}

// one asks one server.
func (c *Changes) one(s *fleet.Server, what Request) Outcome {
	most := longestAsk
	if what.Asks {
		most = longestHead
	}
	ctx, cancel := context.WithTimeout(c.base, most)
	defer cancel()
	before := s.State()
	if !what.Asks {
		defer s.LookAgain() // what it has done is to be seen, whatever it says
	}
	res, err := client(s, what.Via).Open(ctx, what.Method, what.Path, what.upload())
	if err != nil {
		return Outcome{Server: s, Why: c.broken(ctx, 0, err).Text}
	}
	defer res.Body.Close()
	if !slices.Contains(doneStatuses, res.StatusCode) {
		no := refused(res)
		return Outcome{Server: s, Status: no.Status, Why: no.Text, Body: no.Body, Type: no.Type}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostRefusal))
	if err != nil {
		return Outcome{Server: s, Status: res.StatusCode, Why: c.broken(ctx, 0, err).Text, Own: true}
	}
	if why := ollama.ErrorText(body); why != "" && !what.Asks {
		return Outcome{Server: s, Status: res.StatusCode, Why: why}
	}
	if what.Then != nil {
		what.Then(ctx, s, before)
	}
	if !what.Asks {
		s.LookNow(ctx, longestSeen)
	}
	return Outcome{Server: s, Done: true, Status: res.StatusCode, Body: body}
}

// upload is the request's body.
func (r Request) upload() ollama.Upload {
	if r.Body == nil {
		return ollama.Upload{}
	}
	return ollama.Upload{From: bytes.NewReader(r.Body), Length: int64(len(r.Body)), Type: "application/json"}
}
