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
	held    bool            // some server holds the model
	servers []*fleet.Server // that hold it, and are asked
	kept    []string        // IDs of those that hold it and are not
	down    []string        // and of those that are down, which may still hold it when they return
}

// unload finds out which servers a wish to unload goes to. What is down holds nothing, if anything is up.
func (w *wanted) unload() unloading {
	u := unloading{wanted: w}
	for _, at := range w.matched.now(w.endpoint)() {
		s := at.Server
		facts, state := s.Facts(w.matched.Key), s.State()
		switch holds := facts.Loaded(state, w.matched.Key) || !facts.Loading.IsZero(); {
		case !holds:
			continue
		case state.Known && !state.Up:
			u.down = append(u.down, s.ID())
		case w.keeps(s):
			u.kept = append(u.kept, s.ID())
		default:
			u.servers = append(u.servers, s)
		}
		u.held = u.held || state.Up
	}
	return u
}

// keeps says that the operator has the model kept on a server whatever clients say.
func (w *wanted) keeps(s *fleet.Server) bool {
	k := w.wish(s).KeepAlive
	return k.Force == rewrite.Enforced && k.Value > 0
}

// decide is what to do about it. One server's answer is passed on as it is; for several gollamas answers. Where no
// server holds the model any says so, or that there is none.
func (u unloading) decide(job *proxy.Job, d Decision) Decision {
	switch {
	case u.held && len(u.servers) == 0:
		a := u.done("")
		d.Answer = &a
	case len(u.servers) > 1:
		d.Wait = u.everywhere
	default:
		d.Job, d.Header = job, u.header("")
		as := proxy.Sending{Model: u.send, Body: u.model.Body(u.send)} // as the client wrote it: a rule's keep_alive would make a load of it
		if u.masked() {
			as.Unsay = func(text []byte) []byte { return ollama.Renamed(text, u.matched.Model, u.model.Asked) }
		}
		job.For = func(*fleet.Server) proxy.Sending { return as }
	}
	return d
}

// members are the servers that the client's own request may go to: the one that holds the model, if one does.
func (u unloading) members() []balance.Member {
	all := u.matched.now(u.endpoint)()
	if len(u.servers) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(at balance.Member) bool { return at.Server != u.servers[0] })
}

// everywhere asks them all, and answers as one would. Where all have failed, it says why.
func (u unloading) everywhere(ctx context.Context, _ Teller) Answer {
	body := slices.Concat(u.model.Body(u.send)...)
	done, failed := u.loader.Unload(ctx, u.servers, jobs.Unload{Key: u.matched.Key, Path: u.endpoint.Path, Body: body})
	if done == 0 {
		return refusal(u.endpoint.Dialect, http.StatusBadGateway, fmt.Sprintf("no server has unloaded model %q: %s", u.model.Asked, failed))
	}
	return u.done(failed)
}

// header has what the client should know: where the model stays, and why.
func (u unloading) header(failed string) http.Header {
	var said []string
	if failed != "" {
		said = append(said, failed)
	}
	if len(u.down) > 0 {
		said = append(said, fmt.Sprintf("it may still be loaded on %s, which does not answer", strings.Join(u.down, ", ")))
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
func (u unloading) done(failed string) Answer {
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
	for name, values := range u.header(failed) {
		a.Header[name] = values
	}
	return a
}

// unloads says whether a request is a wish to unload.
func unloads(e *Endpoint, o *ollama.Object) bool { return e.Unloads && o.Unloads() }
