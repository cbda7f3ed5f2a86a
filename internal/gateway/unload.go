package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
)

// noteHeader says what a client should know of an answer that looks like any other.
const noteHeader = "X-Gollamas-Note"

// An unloading is a client's wish to have a model leave memory: of every server that holds it,
// but where the operator has it kept.
type unloading struct {
	*wanted
	servers []*fleet.Server // that are asked
	kept    []string        // IDs of those that are not
}

// unload finds out which servers a wish to unload goes to: those that hold the model, or where none
// is known to, whichever the policy chooses.
func (w *wanted) unload() unloading {
	u := unloading{wanted: w}
	members, held := w.matched.now(w.endpoint)(), false
	for _, at := range members {
		held = held || w.holds(at.Server)
	}
	for _, at := range members {
		switch {
		case held && !w.holds(at.Server):
		case w.keeps(at.Server):
			u.kept = append(u.kept, at.Server.ID())
		default:
			u.servers = append(u.servers, at.Server)
		}
	}
	if !held && len(u.servers) > 0 {
		u.kept = nil
	}
	slices.SortStableFunc(u.servers, func(a, b *fleet.Server) int { return down(a) - down(b) }) // the client hears the first
	return u
}

func (w *wanted) holds(s *fleet.Server) bool {
	facts := s.Facts(w.matched.Key)
	return facts.Loaded(s.State(), w.matched.Key) || !facts.Loading.IsZero()
}

func down(s *fleet.Server) int {
	if s.State().Up {
		return 0
	}
	return 1
}

// keeps says that the operator has the model kept on a server whatever clients say.
func (w *wanted) keeps(s *fleet.Server) bool {
	k := w.wish(s).KeepAlive
	return k.Force == rewrite.Enforced && k.Value > 0
}

// decide is what to do about it. With no server to ask it is answered as done.
func (u unloading) decide(job *proxy.Job, d Decision) Decision {
	if len(u.servers) == 0 && len(u.kept) > 0 {
		d.Answer = u.done()
		return d
	}
	d.Job, d.Header = job, u.header("")
	job.For = func(*fleet.Server) proxy.Sending { // as the client wrote it: a rule's keep_alive would make a load of it
		return proxy.Sending{Model: u.send, Body: u.model.Body(u.send)}
	}
	if len(u.servers) > 1 && u.holds(u.servers[0]) {
		d.Beside = u.beside
	}
	return d
}

// members are the servers that the client's own request may go to: the first that holds the model,
// for the others are asked beside it.
func (u unloading) members() []balance.Member {
	all := u.matched.now(u.endpoint)()
	if len(u.servers) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(at balance.Member) bool {
		if u.holds(u.servers[0]) {
			return at.Server != u.servers[0]
		}
		return !slices.Contains(u.servers, at.Server)
	})
}

// beside asks the others, and says in the answer's header where the model may still be.
func (u unloading) beside(ctx context.Context) http.Header {
	var body []byte
	for _, piece := range u.model.Body(u.send) {
		body = append(body, piece...)
	}
	return u.header(u.loader.Unload(ctx, u.servers[1:], jobs.Unload{Key: u.matched.Key, Path: u.endpoint.Path, Body: body}))
}

// header has what the client should know: where the model stays, and why.
func (u unloading) header(failed string) http.Header {
	var said []string
	if failed != "" {
		said = append(said, failed)
	}
	if len(u.kept) > 0 {
		said = append(said, fmt.Sprintf("it stays loaded on %s, where keep_alive is enforced", strings.Join(u.kept, ", ")))
	}
	if len(said) == 0 {
		return nil
	}
	return http.Header{noteHeader: {strings.Join(said, "; ")}}
}

// done is Ollama's answer to a model's unloading (routes.go, GenerateHandler and ChatHandler): one
// value, be it asked for as a stream or not.
func (u unloading) done() *Answer {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	type unloaded struct {
		Model      string    `json:"model"`
		CreatedAt  time.Time `json:"created_at"`
		Response   *string   `json:"response,omitempty"`
		Message    *message  `json:"message,omitempty"`
		Done       bool      `json:"done"`
		DoneReason string    `json:"done_reason"`
	}
	said := unloaded{Model: u.model.Asked, CreatedAt: time.Now().UTC(), Done: true, DoneReason: "unload"}
	if u.endpoint.Path == "/api/chat" {
		said.Message = &message{Role: "assistant"}
	} else {
		said.Response = new(string)
	}
	a := jsonAnswer(typeJSON, said)
	for name, values := range u.header("") {
		a.Header[name] = values
	}
	return &a
}

// unloads says whether a request is a wish to unload.
func unloads(e *Endpoint, o *ollama.Object) bool { return e.Unloads && o.Unloads() }
