package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"gollamas/internal/ollamatest"
)

// A managed fleet is three servers behind a gollamas whose clients may change them. Of the real kind are a and b, for c is
// there to be one that nothing is meant for.
type managed struct {
	boxes  map[string]*server // by the name of their connection
	url    string             // of gollamas
	client *api.Client
}

// What a managed fleet's servers have, and its routes. "fresh" is installed nowhere, "mine" is to be made; b has a
// model of a pattern.
var (
	modelsOfBoxes = map[string][]string{"a": {"tiny-chain", "tiny-random"}, "b": {"tiny-chain", "tiny-tools"}, "c": {"tiny-embed"}}
	routesOfBoxes = []string{
		"tiny-chain=a", "tiny-chain=b", "tiny-random=a", "tiny-embed=c", "fresh=a", "fresh=b", "fresh=c",
		"mine=a", "mine=b", "mine=c", "tiny-t*=b", "tiny-t*=c", "fam-*=b", "fam-*=c",
	}
)

func newManaged(t *testing.T, k kind, flags ...string) *managed {
	t.Helper()
	f := &managed{boxes: map[string]*server{}}
	given := []string{"--alias", alias + "=tiny-chain", "--watch", "1m"} // what is seen sooner is not seen by the watch
	var models []string
	for _, id := range []string{"a", "b", "c"} {
		at := k
		if id == "c" && k.name == real.name {
			at = pretended
		}
		f.boxes[id] = at.start(t, modelsOfBoxes[id])
		models = append(models, modelsOfBoxes[id]...)
		given = append(given, "--connection", id+"="+f.boxes[id].url)
	}
	for _, r := range routesOfBoxes {
		given = append(given, "--proxy", r)
	}
	f.url = serve(t, models, append(given, flags...)...)
	f.client = ollamaClient(t, f.url)
	f.forget()
	return f
}

// onManaged runs a test against a managed fleet of each kind of pretend server.
func onManaged(t *testing.T, test func(t *testing.T, f *managed)) {
	onKinds(t, []kind{pretended, newer}, func(t *testing.T, k kind) { test(t, newManaged(t, k, "--manage")) })
}

// onAnyManaged runs one that needs no servers that misbehave against real ones too.
func onAnyManaged(t *testing.T, test func(t *testing.T, f *managed)) {
	onEachKind(t, func(t *testing.T, k kind) { test(t, newManaged(t, k, "--manage")) })
}

// forget lets the servers forget what they were asked.
func (f *managed) forget() {
	for _, s := range f.boxes {
		if s.pretend != nil {
			s.pretend.Reset()
		}
	}
}

// asked are the servers that have got a request with this path since, one name for each.
func (f *managed) asked(path string) string {
	var out []string
	for id, s := range f.boxes {
		for _, r := range s.requests() {
			if r.URL == path {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// requests are those that a server has got, none where it is a real one: they keep that to themselves.
func (s *server) requests() []ollamatest.Request {
	if s.pretend == nil {
		return nil
	}
	return s.pretend.Requests()
}

// reached checks which servers have got a request with this path, where all can tell, and lets them forget it.
func (f *managed) reached(t *testing.T, path, want string) {
	t.Helper()
	if f.boxes["a"].pretend == nil {
		return
	}
	if got := f.asked(path); got != want {
		t.Errorf("%s reached %q, not %q", path, got, want)
	}
	f.forget()
}

// has are the servers that list a model themselves.
func (f *managed) has(t *testing.T, model string) string {
	t.Helper()
	var out []string
	for id, s := range f.boxes {
		if lists(t, s.url, []string{model}) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// holders checks which servers list a model themselves, and that gollamas lists it at once, or not.
func (f *managed) holders(t *testing.T, model, want string) {
	t.Helper()
	if got := f.has(t, model); got != want {
		t.Errorf("%s is on %q, not %q", model, got, want)
	}
	if got := lists(t, f.url, []string{model}); got != (want != "") {
		t.Errorf("gollamas lists %s: %t", model, got)
	}
}

// untouched checks that no server was asked to change anything.
func (f *managed) untouched(t *testing.T, what string) {
	t.Helper()
	for id, s := range f.boxes {
		for _, r := range s.requests() {
			if r.Method != http.MethodGet && r.URL != "/api/show" {
				t.Errorf("%s: %s was asked %s %s", what, id, r.Method, r.URL)
			}
		}
	}
	f.forget()
}

// records collects what a stream tells.
type records []api.ProgressResponse

func (r *records) hear(p api.ProgressResponse) error {
	*r = append(*r, p)
	return nil
}

// statuses are those of the steps, without layers, in order.
func (r records) statuses() []string {
	var out []string
	for _, p := range r {
		if p.Digest == "" {
			out = append(out, p.Status)
		}
	}
	return out
}

// slowly lets a server take its time between the records of an answer.
func slowly(s *server, path string) (clear func()) {
	return s.pretend.Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: path, Pace: slowPace})
}
