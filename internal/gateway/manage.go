package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// serverHeader names the one server that a request is meant for, and in answers the one that gave them, or all that had to do with them.
const serverHeader = "X-Gollamas-Server"

// Why these are refused to who may not manage, and what to do instead.
const (
	whyManage = "%s changes servers, which this gollamas does not let its clients do: start it with --manage (GOLLAMAS_MANAGE, " +
		"manage: true) to allow it, or send it to the server directly"
	whyNamed = "only who may manage may name a server in " + serverHeader + ": start gollamas with --manage (GOLLAMAS_MANAGE, manage: true) " +
		"to allow it, or leave the field out"
	whyFiles = "key %q is for some models only, and a file does not say whose it is: only a key for every model may send files, or make models of them"
)

// barred answers who may not ask for this. Nothing of the request's body has been read by then.
func (g *Gateway) barred(ask Ask) *Answer {
	e := ask.Endpoint
	switch {
	case g.manages(ask):
		return g.unsure(ask)
	case g.keys != nil && e.Manage:
		a := refusal(e.Dialect, http.StatusForbidden, fmt.Sprintf("%s changes servers, which key %q may not: give it manage: true in gollamas' settings to allow it",
			strings.TrimSuffix(e.Path, "{digest}"), ask.Key.Name()))
		return &a
	case e.Manage && e.Why != "":
		a := refusal(e.Dialect, http.StatusForbidden, strings.ReplaceAll(e.Why, "%s", e.Path))
		return &a
	case e.Manage:
		a := refusal(e.Dialect, http.StatusForbidden, strings.ReplaceAll(whyManage, "%s", strings.TrimSuffix(e.Path, "{digest}")))
		return &a
	case ask.Server != "" && e.Named:
		a := refusal(e.Dialect, http.StatusForbidden, whyNamed)
		return &a
	}
	return nil
}

// unsure refuses files to who may not see every model: whose a file is nobody can tell.
func (g *Gateway) unsure(ask Ask) *Answer {
	if e := ask.Endpoint; e.Raw && e.Why == "" && ask.Key.Bounded() {
		a := refusal(e.Dialect, http.StatusForbidden, fmt.Sprintf(whyFiles, ask.Key.Name()))
		return &a
	}
	return nil
}

// only is the server that the request is meant for, nil where it names none.
func (g *Gateway) only(ask Ask) (*fleet.Server, *Answer) {
	if ask.Server == "" || !ask.Endpoint.Named {
		return nil, nil
	}
	var ids []string
	for _, c := range g.connections {
		servers := c.Servers()
		for _, s := range servers {
			if s.ID() == ask.Server || c.ID() == ask.Server && len(servers) == 1 {
				return s, nil
			}
			ids = append(ids, s.ID())
		}
	}
	a := refusal(ask.Endpoint.Dialect, http.StatusBadRequest, fmt.Sprintf("%s: there is no server %q; there are %s", serverHeader, ask.Server, strings.Join(ids, ", ")))
	return nil, &a
}

// A subject is a model that a change is about, and the servers that it may stand on.
type subject struct {
	asked   string // as the client named it
	name    string // as servers are told it
	key     string
	match   route.Match
	servers []*fleet.Server // of its route, in the operator's order
	named   bool            // the client has named the one server
	hidden  bool            // who asks may not use it, so it looks as if it were nowhere
}

// subject finds a model by a name that the client has written. Where there is no route, or no such name, it returns the
// answer: none is what to say where gollamas has no route.
func (g *Gateway) subject(ask Ask, asked string, none func(asked string) *Answer) (subject, *Answer) {
	e := ask.Endpoint
	name, err := ollama.ParseName(asked)
	switch {
	case err != nil:
		return subject{}, unnamed(e, asked, err)
	}
	match, ok := g.table.Lookup(name)
	switch {
	case !ask.sees(name, match):
		return subject{asked: asked, name: asked, hidden: true}, none(asked)
	case name.Cloud:
		return subject{}, noCloud(e)
	}
	at, no := g.only(ask)
	if no != nil {
		return subject{}, no
	}
	if !ok {
		match.Model, match.Key = name, name.Key()
	}
	sub := subject{asked: asked, name: asked, key: match.Key, match: match}
	if ok && match.Send != "" {
		sub.name = match.Send
	}
	if at != nil {
		sub.match, sub.servers, sub.named = route.Only(at, match.Model), []*fleet.Server{at}, true
		return sub, nil
	}
	if _, _, variant := fleet.ParseVariant(name); !ok || variant || match.Route.Name == "" { // merely loaded somewhere
		return subject{}, none(asked)
	}
	for _, m := range match.Route.Members() {
		sub.servers = append(sub.servers, m.Server)
	}
	if sub.servers = distinct(sub.servers); len(sub.servers) == 0 {
		a := unfound()
		return subject{}, &a
	}
	return sub, nil
}

// settled refuses a name that Ollama would take another way when it is asked for again: copy and create leave :local and
// :cloud on it, everything else cuts them off, so the model could not be used, and deleting it would delete another
// (wire.md, trap 7).
func settled(e *Endpoint, asked string) *Answer {
	end := ollama.Source(asked)
	if end == "" {
		return nil
	}
	a := refusal(e.Dialect, http.StatusBadRequest, fmt.Sprintf("%q ends in %s, which is no part of a model's name to Ollama but says where it runs: "+
		"a model stored so could not be used, and deleting it would delete %q. Choose another name", asked, end, strings.TrimSuffix(asked, end)))
	return &a
}

// own refuses what is another name for a model: who deletes or pushes an alias means that, and who writes to one gets nothing.
func own(ask Ask, sub subject) *Answer {
	e := ask.Endpoint
	switch {
	case sub.name == sub.asked:
		return nil
	case !ask.Key.Sees(sub.match.Model):
		a := refusal(e.Dialect, http.StatusBadRequest, fmt.Sprintf("%q is another name for a model, and not a model itself", sub.asked))
		return &a
	}
	a := refusal(e.Dialect, http.StatusBadRequest, fmt.Sprintf("%q is gollamas' alias of %q: say %q itself, or remove the alias from gollamas' settings", sub.asked, sub.name, sub.name))
	return &a
}

// unrouted says that a model would be out of reach once it is made.
func unrouted(e *Endpoint, asked string) *Answer {
	a := refusal(e.Dialect, http.StatusForbidden, fmt.Sprintf("gollamas has no route for %q, so nobody could use it: "+
		"give it one, such as --proxy '*=CONNECTION', or name a server in %s", asked, serverHeader))
	return &a
}

// first is the first server that is up, or else the first.
func first(servers []*fleet.Server) []*fleet.Server {
	for i, s := range servers {
		if s.State().Up {
			return servers[i : i+1]
		}
	}
	return servers[:min(1, len(servers))]
}
