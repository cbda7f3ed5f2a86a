package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/ollama"
)

// A CreateRequest is what decides where a model is made. encoding/json names the type in errors, as it does in Ollama's.
type CreateRequest struct {
	From       string            `json:"from"`
	RemoteHost string            `json:"remote_host"`
	Files      map[string]string `json:"files"` // name → digest
	Adapters   map[string]string `json:"adapters"`
	DraftFiles map[string]string `json:"draft_files"`
}

// mostFiles is how many a model may be made of: each is asked for on each server.
const mostFiles = 1024

// A creation is a create that has been decided on.
type creation struct {
	*Gateway
	ask  Ask
	sub  subject
	base *subject // what it is made from, nil = files, or another machine's model
	how  CreateRequest
}

// create has a model made on the servers that its name leads to: of those that hold what it is made from, or have
// the files.
func (g *Gateway) create(ask Ask) Decision {
	model, sub, no := g.about(ask, func(asked string) *Answer { return unrouted(ask.Endpoint, asked) })
	if no == nil {
		no = own(ask, sub)
	}
	c := &creation{Gateway: g, ask: ask, sub: sub}
	if no == nil {
		no = c.read()
	}
	if no != nil {
		return Decision{Asked: model.Asked, Answer: no}
	}
	var from []ollama.Splice
	if c.base != nil && c.base.name != c.base.asked {
		from = model.Object.Replace(ollama.FieldFrom, c.base.name)
	}
	return sub.decide(model, func(ctx context.Context, tell Teller) Answer {
		servers, left, no := c.where(ctx)
		if no != nil {
			return *no
		}
		return progress(ctx, each(servers, g.changes.Create, sub.wish(ask, model, from...)), "created", tell, left...)
	})
}

// read finds out what the model is made from.
func (c *creation) read() *Answer {
	e := c.ask.Endpoint
	if err := json.NewDecoder(bytes.NewReader(c.ask.Body)).Decode(&c.how); err != nil { // what follows the object is nobody's
		a := refusal(e.Dialect, http.StatusBadRequest, err.Error())
		return &a
	}
	if n := len(c.digests()); n > mostFiles {
		a := refusal(e.Dialect, http.StatusBadRequest, fmt.Sprintf("it is made of %d files: more than %d", n, mostFiles))
		return &a
	}
	if len(c.digests()) > 0 && c.ask.Key.Bounded() {
		a := refusal(e.Dialect, http.StatusForbidden, fmt.Sprintf(whyFiles, c.ask.Key.Name()))
		return &a
	}
	if c.how.RemoteHost != "" && !c.ask.Key.Leaves(true) {
		return noCloud(e)
	}
	if c.how.From == "" || c.how.RemoteHost != "" {
		return nil
	}
	base, no := c.subject(c.ask, c.how.From, func(string) *Answer { return nil })
	if no != nil {
		no.Header.Set("Content-Type", typeBareJSON) // Ollama finds it out once it has begun to answer (create.go)
		return no
	}
	if base.asked == "" { // it has no route, and may still be there
		name, _ := ollama.ParseName(c.how.From) // subject has read it
		base = subject{asked: c.how.From, name: c.how.From, key: name.Key()}
	}
	c.base = &base
	return nil
}

// where says which servers make the model, and of which it is known beforehand that they cannot.
func (c *creation) where(ctx context.Context) (servers []*fleet.Server, not []jobs.Outcome, no *Answer) {
	if c.base != nil && c.base.hidden {
		return nil, nil, c.absent()
	}
	if c.sub.named { // the client has said where
		return c.sub.servers, nil, nil
	}
	c.fresh(ctx, c.sub.servers)
	servers = c.sub.servers
	if c.base != nil {
		if servers, no = c.holding(); no != nil {
			return nil, nil, no
		}
	} else if !c.sub.match.Exact() {
		servers = c.there()
	}
	servers, not = c.filed(ctx, servers)
	return servers, not, nil
}

// holding are the servers that hold the base; where none does, those that may pull it, for Ollama does.
func (c *creation) holding() ([]*fleet.Server, *Answer) {
	have := slices.DeleteFunc(slices.Clone(c.sub.servers), func(s *fleet.Server) bool { return s.State().Has(c.base.key) == nil })
	if len(have) > 0 && !c.sub.match.Exact() {
		have = awake(have)
	}
	if len(have) > 0 {
		return have, nil
	}
	may := slices.DeleteFunc(slices.Clone(c.sub.servers), func(s *fleet.Server) bool { return !among(c.base.servers, s) })
	if c.base.match.Route != nil && !c.base.match.Exact() {
		may = first(may)
	}
	if len(may) > 0 {
		return may, nil
	}
	return nil, c.absent()
}

// absent says that no server has the base.
func (c *creation) absent() *Answer {
	a := refusal(c.ask.Endpoint.Dialect, http.StatusNotFound, fmt.Sprintf("model %q not found on %s, where %q leads: pull it there first",
		c.base.asked, ids(c.sub.servers), c.sub.asked))
	return &a
}

// there are, of the servers that a pattern leads to, those that are up, and those that were sent the model's files lately.
func (c *creation) there() []*fleet.Server {
	var sent []*fleet.Server
	for _, digest := range c.digests() {
		for _, o := range c.changes.Sent(digest) {
			sent = append(sent, o.Server)
		}
	}
	up := slices.DeleteFunc(slices.Clone(c.sub.servers), func(s *fleet.Server) bool { return !s.State().Up && !slices.Contains(sent, s) })
	if len(up) == 0 {
		return c.sub.servers // they say themselves that they do not answer
	}
	return up
}

// digests are the files that the model is made of.
func (c *creation) digests() []string {
	files := slices.Collect(maps.Values(c.how.Adapters))
	if c.how.From == "" {
		files = slices.AppendSeq(files, maps.Values(c.how.Files))
	}
	files = slices.AppendSeq(files, maps.Values(c.how.DraftFiles))
	slices.Sort(files)
	return slices.Compact(slices.DeleteFunc(files, func(d string) bool { return !ollama.IsDigest(d) }))
}

// filed are the servers that have all the files. Where none has, the first says what is wrong.
func (c *creation) filed(ctx context.Context, servers []*fleet.Server) (have []*fleet.Server, not []jobs.Outcome) {
	have = servers
	for _, digest := range c.digests() {
		sent := c.changes.Sent(digest)
		for _, o := range c.changes.Have(ctx, digest, have, c.ask.Via) {
			if o.Done {
				continue
			}
			have = slices.DeleteFunc(slices.Clone(have), func(s *fleet.Server) bool { return s == o.Server })
			i := slices.IndexFunc(sent, func(was jobs.Outcome) bool { return was.Server == o.Server && !was.Done })
			if i >= 0 && o.Status == http.StatusNotFound {
				o.Why += ": " + sent[i].Why
			}
			not = append(not, o)
		}
	}
	if len(have) == 0 && !slices.ContainsFunc(not, func(o jobs.Outcome) bool { return o.Status == 0 }) {
		return first(servers), nil
	}
	return have, not
}

func ids(servers []*fleet.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, s.ID())
	}
	return strings.Join(out, ", ")
}
