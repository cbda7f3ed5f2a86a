package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// An explanation says where a request for a model would be sent.
type explanation struct {
	Model    string    `json:"model"`
	Sent     string    `json:"sent,omitempty"` // the name servers get, where Model is an alias
	Route    string    `json:"route"`          // "" = it has none, but is loaded somewhere
	Balance  string    `json:"balance"`
	NumCtx   int       `json:"num_ctx,omitempty"`
	Now      string    `json:"now"`       // what would become of a request
	Queued   int       `json:"queued"`    // requests that wait for a place already
	Servers  []verdict `json:"servers"`   // the first is asked first
	NotAsked []skipped `json:"not_asked"` // of the route's servers
}

// A verdict is a server in its place, and why it stands there.
type verdict struct {
	Server     string  `json:"server"`
	Connection string  `json:"connection"`
	Why        string  `json:"why"`
	Health     string  `json:"health"`
	Tier       int     `json:"tier"`
	Weight     int     `json:"weight"`
	Loaded     bool    `json:"loaded"`
	Suits      bool    `json:"suits"`           // loaded with the context and the options that are asked for
	Loading    float64 `json:"loading_seconds"` // 0 = it is not being loaded
	InFlight   int     `json:"in_flight"`
	Parallel   int     `json:"parallel"`
	Cost       float64 `json:"cost_seconds"`  // what the policy expects; 0 = it reckons none
	After      float64 `json:"after_seconds"` // a request is sent there only once it has waited as long
	With       runner  `json:"would_load_with"`
	residence
}

// A skipped is a server of the route to which no request for the model goes.
type skipped struct {
	Server string `json:"server"`
	Why    string `json:"why"`
}

var healthNames = map[balance.Health]string{
	balance.Ready: "ready", balance.Unknown: "unknown", balance.Missing: "missing", balance.Broken: "broken", balance.Down: "down",
}

func (a *admin) explain(w http.ResponseWriter, r *http.Request) {
	asked, said := r.URL.Query().Get("model"), r.URL.Query().Get("num_ctx")
	numCtx, err := strconv.Atoi(said)
	if said != "" && (err != nil || numCtx < 0) {
		text(w, http.StatusBadRequest, fmt.Sprintf("num_ctx is a whole number, not %q", said))
		return
	}
	if asked == "" {
		text(w, http.StatusBadRequest, "which model? Ask for /api/explain?model=NAME\n\n"+a.routes())
		return
	}
	name, err := ollama.ParseName(asked)
	if err != nil {
		text(w, http.StatusBadRequest, fmt.Sprintf("%q: %v", asked, err))
		return
	}
	match, ok := a.Table.Lookup(name)
	if !ok || name.Cloud {
		text(w, http.StatusNotFound, fmt.Sprintf("model %q has no route.\n\n%s", asked, a.routes()))
		return
	}
	object(w, a.explained(name, match, numCtx))
}

func (a *admin) explained(name ollama.Name, match route.Match, numCtx int) explanation {
	members, remote := match.Members()
	asked := ollama.Runner{NumCtx: numCtx}
	on := func(s *fleet.Server) ollama.Runner { return a.on(match, s, asked) }
	ask := balance.Ask{Key: match.Key, Model: name.Short(), Members: func() []balance.Member { return members }, Policy: match.Policy, Runner: asked, On: on, Counted: true}
	servers, queue := a.Desk.Explain(ask), a.line(match.Key)
	now := nobody(match, remote)
	if len(servers) > 0 {
		now = queue.now(servers)
	}
	return explanation{
		Model: name.Short(), Sent: match.Send, Route: match.Name, Balance: match.Balance, NumCtx: numCtx, Now: now, Queued: queue.of,
		Servers: list(servers, func(v balance.Verdict) verdict { return a.verdict(match, v, asked) }), NotAsked: skips(match, members),
	}
}

func (a *admin) verdict(match route.Match, v balance.Verdict, asked ollama.Runner) verdict {
	return verdict{
		With: newRunner(a.on(match, v.Server, asked)), residence: a.residence(v.Server, match.Model, v.Server.Facts(match.Key)),
		Server: v.Server.ID(), Connection: v.Server.Connection(), Why: v.Why, Health: healthNames[v.Health], Tier: v.Tier, Weight: v.Weight,
		Loaded: v.Loaded, Suits: v.Suits, Loading: seconds(v.Since), InFlight: v.InFlight, Parallel: v.Places,
		Cost: seconds(v.Cost), After: seconds(v.After),
	}
}

// skips are the servers of a route that are left out for this model.
func skips(match route.Match, members []balance.Member) []skipped {
	out := []skipped{}
	for _, m := range match.Route.Members() {
		if !slices.ContainsFunc(members, func(in balance.Member) bool { return in.Server == m.Server }) {
			out = append(out, skipped{m.Server.ID(), lacks(m.Server, match.Key)})
		}
	}
	return out
}

// routes lists what there is to ask for.
func (a *admin) routes() string {
	var b strings.Builder
	b.WriteString("There are routes for:\n")
	for _, r := range a.Table.All() {
		b.WriteString("  " + r.Name)
		if also := a.Table.AliasesOfRoute(r); len(also) > 0 {
			b.WriteString("  (also " + strings.Join(also, ", ") + ")")
		}
		b.WriteString("\n")
	}
	return b.String()
}
