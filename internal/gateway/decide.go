package gateway

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/keys"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// An Ask is a request as far as deciding needs it: plain values, so that any
// carrier of bytes can ask. Find has its endpoint.
type Ask struct {
	Endpoint    *Endpoint
	Key         *keys.Holder // whose key it came by, nil where none is needed
	Target      string       // path and query, as they are to be sent on
	Segment     string       // the path's last segment, where the endpoint leaves it free
	Query       string
	ContentType string
	Body        []byte        // decompressed
	Server      string        // that the client has named, "" = none
	Upload      ollama.Upload // the body, where it is not read beforehand
	Via         []string      // each gollamas that it has been through, this one last
}

// A Decision is what to do: answer, or carry the job. The carrier adds to the
// job what only it has: the client's header, and whether it decompressed the body.
type Decision struct {
	Asked  string // the model as the client named it, "" = none
	Model  string // the model's own name where it is known to be one, "" = it is not
	Answer *Answer
	Job    *proxy.Job
	Header http.Header // of the job's answer, beside what it says itself
	Wait   wait        // finds the answer, in the job's place; nil = there is nothing to wait for
	Stream bool        // which may be told of as it comes
}

// Decide works out what to do with a request. It waits for nothing and opens no
// connection: the job it returns finds a server when it is carried.
func (g *Gateway) Decide(ask Ask) Decision {
	e := ask.Endpoint
	if no := g.barred(ask); no != nil {
		return Decision{Answer: no}
	}
	switch {
	case e.Kind == Change:
		return e.change(g, ask)
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
	match, no := g.match(ask, model.Asked)
	if no == nil {
		return g.decideWork(ask, g.wants(ask, match, model))
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

// decideWork decides on a request whose model has a route.
func (g *Gateway) decideWork(ask Ask, w *wanted) Decision {
	e, o := w.endpoint, &w.model.Object
	d := Decision{Asked: w.model.Asked, Model: known(w.matched)}
	stream := e.Works && !e.Vectors && o.Bool(ollama.FieldStream, w.native())
	needs := balance.Ask{Runner: w.own, Keep: w.keep, Stream: stream, Tools: !o.Empty(ollama.FieldTools), Unloads: unloads(e, o) && !w.matched.away}
	if g.rules != nil {
		needs.On = w.runner
	}
	var u unloading
	needs.Members = w.matched.now(e)
	if needs.Unloads {
		u = w.unload()
		needs.Members = u.members
	}
	job := g.job(e, w.matched, d.Asked, needs)
	job.Target, job.Size, job.For = ask.Target, len(ask.Body), w.sending
	switch {
	case needs.Unloads:
		return u.decide(job, d)
	case e.Works && !w.matched.away:
		job.Ready = w.ready()
	}
	if stream && !w.native() {
		job.Comments = g.comments
	}
	d.Job = job
	return d
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

// A matched is a model's route and the servers of it that may have the model.
type matched struct {
	route.Match
	members []balance.Member
	current func() route.Match // the match of now; nil = it stays
	named   bool               // the client has named the one server
	away    bool               // the servers pass it on to ollama.com, or where a stub leads: none of them does the work
}

// now returns what the members are whenever it is asked: servers come and go while a request waits.
func (m matched) now(e *Endpoint) func() []balance.Member {
	if e.Changes || m.named || m.away { // it goes to the one server that was chosen, or to any
		return func() []balance.Member { return m.members }
	}
	return func() []balance.Member {
		match := m.Match
		if m.current != nil {
			match = m.current()
		}
		if match.Route == nil {
			return nil
		}
		members, _ := match.Members()
		return members
	}
}

// lately returns what a match has become whenever it is asked: the settings may be read again while a request waits.
// Where the model has no route any more, the match has none.
func (g *Gateway) lately(m route.Match) func() route.Match {
	if g.current == nil {
		return nil
	}
	return func() route.Match {
		t := g.current()
		if t == g.table {
			return m
		}
		if now, ok := t.Lookup(m.Model); ok && now.Key == m.Key {
			return now
		}
		return route.Match{}
	}
}

// match finds the servers for a model. Where there is none, it returns the answer.
func (g *Gateway) match(ask Ask, asked string) (matched, *Answer) {
	e := ask.Endpoint
	name, err := ollama.ParseName(asked)
	if err != nil {
		return matched{}, unnamed(e, asked, err)
	}
	match, ok := g.table.Lookup(name)
	switch {
	case !ask.sees(name, match):
		return matched{}, g.missing(e, asked)
	case name.Cloud:
		return g.away(ask, asked, match, ok)
	}
	if e.Changes {
		if no := own(ask, subject{asked: asked, name: cmp.Or(match.Send, asked), match: match}); no != nil {
			return matched{}, no
		}
		if !ask.Key.Leaves(true) { // a push carries it away
			return matched{}, noCloud(e)
		}
	}
	switch at, no := g.only(ask); {
	case no != nil:
		return matched{}, no
	case at != nil:
		there := g.there(at, name, match)
		if have := at.State().Has(there.Key); have != nil && have.RemoteHost != "" && !g.leaves(ask) {
			return matched{}, noCloud(e)
		}
		return there, nil
	}
	if _, _, variant := fleet.ParseVariant(name); !ok || variant { // a variant is nobody's to ask for, nor to pull
		return matched{}, g.missing(e, asked)
	}
	members, remote := match.Members()
	switch {
	case len(members) == 0 && remote && !e.Changes && g.leaves(ask):
		return matched{Match: match, members: stubs(match), away: true}, nil
	case len(members) == 0 && remote:
		return matched{}, noCloud(e)
	case e.Changes && match.Route.Name == "": // merely loaded somewhere
		return matched{}, g.missing(e, asked)
	case e.Changes:
		members = holding(match)
	case len(members) == 0 && (match.Exact() || nowhere(match)): // its servers have all gone, or none has been found: the engine says so
	case len(members) == 0:
		return matched{}, g.missing(e, asked)
	}
	return matched{Match: match, members: members, current: g.lately(match)}, nil
}

// there is a model on the server that the client has named.
func (g *Gateway) there(at *fleet.Server, name ollama.Name, match route.Match) matched {
	send := match.Send
	if match.Route != nil {
		name = match.Model
	}
	only := route.Only(at, name)
	only.Send = send
	return matched{Match: only, members: only.Route.Members(), named: true}
}

// holding is the first server that has the model: one that is up, or else one that is down, for the others lack it; else
// one that nobody has seen, or the first that is up: it says itself what is wrong.
func holding(match route.Match) []balance.Member {
	all := match.Route.Members()
	best, rank := 0, 0
	for i, at := range all {
		state := at.Server.State()
		has := state.Has(match.Key) != nil
		now := 0
		switch {
		case has && state.Up:
			now = 4
		case has:
			now = 3
		case !state.Known:
			now = 2
		case state.Up:
			now = 1
		}
		if now > rank {
			best, rank = i, now
		}
	}
	return all[best:min(best+1, len(all))]
}

// nowhere says that a route leads to no server now. Then nothing is known to lack
// the model either, and a 404 would have the ollama command pull it.
func nowhere(m route.Match) bool { return m.Route.Name != "" && len(m.Route.Members()) == 0 }

// job puts together what the engine needs. ask has what only the body tells.
func (g *Gateway) job(e *Endpoint, m matched, asked string, ask balance.Ask) *proxy.Job {
	ask.Key, ask.Model, ask.Policy, ask.Counted, ask.Alike = m.Key, asked, m.Policy, e.Works, e.Vectors
	switch {
	case m.away: // no server's memory is asked for
		ask.Counted, ask.Unloads, ask.Policy = false, false, inOrder
	case ask.Unloads: // Ollama answers it at once, however busy it is
		ask.Counted, ask.Policy = false, loadedFirst
	case !e.Works: // asking about a model is no work, and should be answered alike each time
		ask.Policy = inOrder
	}
	call := g.desk.Call(ask)
	return &proxy.Job{Method: e.Method, Endpoint: e.Path, Dialect: e.Dialect, Next: call.Next, Changes: e.Changes, Asked: asked}
}

var inOrder, loadedFirst = balance.Named("in-order"), balance.Named("loaded-first")

// known is the model's name where the operator or a server has named it. What only
// clients name is not counted by: they could make up any number.
func known(m matched) string {
	if m.Exact() && !m.away {
		return m.Route.Short
	}
	for _, at := range m.members {
		if have := at.Server.State().Has(m.Key); have != nil {
			return have.Name.Short()
		}
	}
	return ""
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
	if errors.Is(err, ollama.ErrBadName) && e.Bad != "" {
		a = handlerRefusal(e.Dialect, http.StatusBadRequest, strings.ReplaceAll(e.Bad, "%q", strconv.Quote(asked)))
	}
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
