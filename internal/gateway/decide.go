package gateway

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// An Ask is a request as far as deciding needs it: plain values, so that any
// carrier of bytes can ask. Find has its endpoint.
type Ask struct {
	Endpoint    *Endpoint
	Target      string // path and query, as they are to be sent on
	Segment     string // the path's last segment, where the endpoint leaves it free
	Query       string
	ContentType string
	Body        []byte // decompressed
}

// A Decision is what to do: answer, or carry the job. The carrier adds to the
// job what only it has: the client's header, and whether it decompressed the body.
type Decision struct {
	Asked  string // the model as the client named it, "" = none
	Answer *Answer
	Job    *proxy.Job
}

// Decide works out what to do with a request. It waits for nothing and opens no connection.
func (g *Gateway) Decide(ask Ask) Decision {
	e := ask.Endpoint
	switch {
	case e.Kind == Refuse:
		a := refusal(e.Dialect, http.StatusForbidden, strings.ReplaceAll(e.Why, "%s", e.Path))
		return Decision{Answer: &a}
	case e.Kind != Forward:
		a := e.answer(g, ask)
		return Decision{Answer: &a}
	case e.Form:
		return g.decideForm(ask)
	}
	return g.decideObject(ask)
}

// decideObject decides on a request whose body is a JSON object.
func (g *Gateway) decideObject(ask Ask) Decision {
	e := ask.Endpoint
	model, err := readModel(e, ask.Body)
	if err != nil {
		a := refusal(e.Dialect, http.StatusBadRequest, parseText(e, err))
		return Decision{Answer: &a}
	}
	job, no := g.job(e, model.Asked)
	if no == nil {
		job.Target = ask.Target
		job.Body = bodyFor(e, model, job.Model)
		return Decision{Asked: model.Asked, Job: job}
	}
	// Ollama would have looked at these before it looked for the model.
	if err := ollama.Check(ask.Body); err != nil {
		*no = refusal(e.Dialect, http.StatusBadRequest, err.Error())
	} else if e.check != nil && no.Status != http.StatusForbidden {
		if text := e.check(&model.Object, model.Asked); text != "" {
			*no = refusal(e.Dialect, http.StatusBadRequest, text)
		}
	}
	return Decision{Asked: model.Asked, Answer: no}
}

func readModel(e *Endpoint, body []byte) (rewrite.Model, error) {
	m := rewrite.Model{Field: ollama.FieldModel}
	var err error
	if m.Object, err = ollama.ReadObject(body); err != nil {
		return m, err
	}
	if m.Asked, err = m.Object.String(ollama.FieldModel); err != nil {
		return m, err
	}
	if e.ByName && m.Asked == "" {
		m.Field = ollama.FieldName
		m.Asked, err = m.Object.String(ollama.FieldName)
	}
	return m, err
}

// parseText is Ollama's text for a body it cannot read.
func parseText(e *Endpoint, err error) string {
	var typ *ollama.TypeError
	switch {
	case errors.As(err, &typ):
		return typ.Text(e.Request)
	case errors.Is(err, ollama.ErrEmpty) && e.Dialect == ollama.Native:
		return "missing request body"
	}
	return err.Error()
}

// job finds the servers for a model. Where there is none, it returns the answer.
func (g *Gateway) job(e *Endpoint, asked string) (*proxy.Job, *Answer) {
	name, err := ollama.ParseName(asked)
	if err != nil {
		return nil, unnamed(e, asked, err)
	}
	if name.Cloud {
		return nil, noCloud(e)
	}
	match, ok := g.table.Lookup(name)
	if !ok {
		return nil, g.missing(e, asked)
	}
	servers, remote := candidates(match)
	switch {
	case len(servers) == 0 && remote:
		return nil, noCloud(e)
	case len(servers) == 0 && !e.Changes:
		return nil, g.missing(e, asked)
	case e.Changes:
		servers = match.Servers[:1]
	default:
		servers = balance.InOrder(servers, match.Key)
	}
	job := &proxy.Job{Method: e.Method, Endpoint: e.Path, Dialect: e.Dialect, Servers: servers, Changes: e.Changes, Model: asked}
	if match.Send != "" {
		job.Model, job.Echo = match.Send, asked
	}
	return job, nil
}

// candidates are the servers that may have the model: of a pattern, those that
// list it or have not been seen yet. remote says that one has it
// only as a stub for a model elsewhere, which is not to be asked.
func candidates(m route.Match) (out []*fleet.Server, remote bool) {
	for _, s := range m.Servers {
		state := s.State()
		have := state.Has(m.Key)
		if have != nil && have.RemoteHost != "" {
			remote = true
		} else if have != nil || !m.Pattern || !state.Known {
			out = append(out, s)
		}
	}
	return out, remote
}

// bodyFor returns how the body looks for each server.
func bodyFor(e *Endpoint, m rewrite.Model, send string) func(*fleet.Server) [][]byte {
	if !e.Exact {
		body := m.Body(send)
		return func(*fleet.Server) [][]byte { return body }
	}
	return func(s *fleet.Server) [][]byte { return m.Body(exactName(s, send)) }
}

// exactName is name as the server itself spells it: /api/embeddings knows no other case.
func exactName(s *fleet.Server, name string) string {
	n, err := ollama.ParseName(name)
	if err != nil {
		return name
	}
	have := s.State().Has(n.Key())
	if have == nil || have.Name.Full() == n.Full() {
		return name
	}
	return have.Listed.Name
}

func unnamed(e *Endpoint, asked string, err error) *Answer {
	a := handlerRefusal(e.Dialect, http.StatusBadRequest, err.Error())
	if errors.Is(err, ollama.ErrNoName) {
		switch e.Empty {
		case emptyMissing:
			a = handlerRefusal(e.Dialect, http.StatusNotFound, "model '"+asked+"' not found")
		case emptyInvalid:
			a = handlerRefusal(e.Dialect, http.StatusBadRequest, ollama.ErrBadName.Error())
		}
	}
	return &a
}

// noCloud is Ollama's answer where its cloud is off; on /v1 too it has the native shape.
func noCloud(e *Endpoint) *Answer {
	what := e.Cloud
	if what == "" {
		what = "remote model is unavailable"
	}
	a := refusal(ollama.Native, http.StatusForbidden, "ollama cloud is disabled: "+what)
	return &a
}

// missing is Ollama's answer for a model it has not got.
func (g *Gateway) missing(e *Endpoint, asked string) *Answer {
	if e.Changes {
		a := refusal(e.Dialect, http.StatusForbidden, "gollamas pulls only models it has a route for, and "+strconv.Quote(asked)+" has none")
		return &a
	}
	text := "model '" + asked + "' not found"
	switch {
	case e.Missing == missingPull:
		text = "model " + strconv.Quote(asked) + " not found, try pulling it first"
	case e.Missing == missingNormal && g.atLeast("0.30.0"):
		text = "model '" + ollama.Normal(asked) + "' not found"
	}
	a := handlerRefusal(e.Dialect, http.StatusNotFound, text)
	return &a
}
