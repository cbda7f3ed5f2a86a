// Package admin is what the operator's address serves: metrics, health, the state of
// everything, and why a model's servers are asked in the order they are.
package admin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// Options are what the operator's handler is made of.
type Options struct {
	Table       *route.Table
	Desk        *balance.Desk
	Connections []*fleet.Connection // all of them, those without a route too
	Metrics     http.Handler
	Version     string
	Started     time.Time
	Stopping    func() bool                                                                   // no new requests are taken; nil = they always are
	Changing    func() []Changing                                                             // pulls and creates that are under way, the oldest first; nil = none ever is
	Loading     func() []Loading                                                              // under way, the oldest first; nil = none ever is
	Rules       func(model ollama.Name, connection string) Rules                              // what the operator wants; nil = nothing
	Runner      func(model ollama.Name, connection string, asked ollama.Runner) ollama.Runner // what becomes of asked by that; nil = it stays
	Settings    func() Settings                                                               // what became of reading them; nil = they are as they were at the start
	Reload      func(context.Context) error                                                   // reads the settings again, all or nothing; nil = that cannot be asked for
	Shared      func() *Shared                                                                // how replicas stand; nil, or nil from it = each counts for itself
	Loopback    bool                                                                          // it is served to this machine only, so other Host names are a page's trick
}

// A page is one URL.
type page struct {
	path, what string
	serve      http.HandlerFunc
	posted     bool // it is asked for with POST, and not with GET: it changes something
}

// An admin serves the pages.
type admin struct {
	Options
	pages []page
}

// New returns a handler that reads, and does one thing: it has the settings read again, as they stand.
func New(o Options) http.Handler {
	a := &admin{Options: o}
	a.pages = []page{
		{"/", "this list", a.index, false},
		{"/metrics", "for Prometheus", o.Metrics.ServeHTTP, false},
		{"/healthz", "200 while the process runs", a.health, false},
		{"/readyz", "200 while at least one route is served", a.ready, false},
		{"/api/state", "everything known of servers, models and queues, as JSON", a.state, false},
		{"/api/explain?model=NAME", "which servers a request would be sent to, in which order, and why; &num_ctx=N for one that asks for a context", a.explain, false},
		{"/api/reload", "POST has the settings read again: all of them, or none where anything is wrong", a.reload, true},
	}
	return a
}

// ServeHTTP answers one request.
func (a *admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if why := a.refuses(r.Host, r.Header["Origin"]); why != "" {
		text(w, http.StatusForbidden, why)
		return
	}
	i := slices.IndexFunc(a.pages, func(p page) bool {
		path, _, _ := strings.Cut(p.path, "?")
		return path == r.URL.Path
	})
	switch {
	case i < 0:
		text(w, http.StatusNotFound, fmt.Sprintf("there is no %s here. There is:\n\n%s", visible(r.URL.Path), a.list()))
	case a.pages[i].posted && r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		text(w, http.StatusMethodNotAllowed, "this is asked for with POST")
	case !a.pages[i].posted && r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		text(w, http.StatusMethodNotAllowed, "nothing can be changed here: GET and HEAD only")
	case a.pages[i].posted && len(r.Header["Origin"]) > 0: // where this is no loopback address, a name may have been made to lead here
		text(w, http.StatusForbidden, "no web page may ask for this")
	default:
		a.pages[i].serve(w, r)
	}
}

func (a *admin) index(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusOK, "gollamas "+a.Version+": the operator's address\n\n"+a.list())
}

// list is a line for each page.
func (a *admin) list() string {
	var b strings.Builder
	for _, p := range a.pages {
		fmt.Fprintf(&b, "  %-24s  %s\n", p.path, p.what)
	}
	return b.String()
}

func (a *admin) stopping() bool { return a.Stopping != nil && a.Stopping() }
