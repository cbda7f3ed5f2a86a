package admin

import (
	"fmt"
	"net/http"
	"strings"

	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

func (a *admin) health(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") }

// ready says whether requests should be sent here.
func (a *admin) ready(w http.ResponseWriter, _ *http.Request) {
	if a.stopping() {
		text(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	all := a.Table.All()
	var lines []string
	for _, r := range all {
		if why := unserved(r); why != "" {
			lines = append(lines, r.Name+": "+why)
		}
	}
	status, first := http.StatusOK, fmt.Sprintf("ready: %d of %d routes are served", len(all)-len(lines), len(all))
	if len(lines) == len(all) {
		status, first = http.StatusServiceUnavailable, "no route is served"
	}
	text(w, status, strings.Join(append([]string{first}, lines...), "\n"))
}

// unserved is why no request could take a route now, "" = one could.
func unserved(r *route.Route) string {
	var why []string
	for _, m := range r.Members() {
		no := lacks(m.Server, r.Key)
		if no == "" {
			return ""
		}
		why = append(why, m.Server.ID()+" "+no)
	}
	if len(why) == 0 {
		return "no server of it has been found"
	}
	return strings.Join(why, "; ")
}

// lacks is why a server could not answer for a model, "" = it could. key "": for any model.
func lacks(s *fleet.Server, key string) string {
	state := s.State()
	switch have := state.Has(key); {
	case !state.Known && state.Err == "":
		return "has not been looked at yet"
	case !state.Up:
		return "is down: " + visible(state.Err)
	case key == "":
		return ""
	case have == nil:
		return "does not list it"
	case have.RemoteHost != "":
		return "has only a stub of it, for a model elsewhere"
	}
	return ""
}
