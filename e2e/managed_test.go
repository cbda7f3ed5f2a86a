package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"gollamas/internal/ollamatest"
)

// A managed fleet is three pretend servers behind a gollamas whose clients may change them.
type managed struct {
	boxes  map[string]*server // by the name of their connection
	url    string             // of gollamas
	client *api.Client
}

// What a managed fleet's servers have, and its routes. "fresh" is installed nowhere, "mine" is to be made; twice by the
// name stands that of a pattern, of which b has one model.
var (
	modelsOfBoxes = map[string][]string{"a": {"tiny-chain", "tiny-random"}, "b": {"tiny-chain", "fam-old"}, "c": {"tiny-embed"}}
	routesOfBoxes = []string{
		"tiny-chain=a", "tiny-chain=b", "tiny-random=a", "tiny-embed=c", "fresh=a", "fresh=b", "fresh=c",
		"mine=a", "mine=b", "mine=c", "fam-*=b", "fam-*=c",
	}
)

func newManaged(t *testing.T, k kind, flags ...string) *managed {
	t.Helper()
	f := &managed{boxes: map[string]*server{}}
	given := []string{"--alias", alias + "=tiny-chain", "--watch", "1m"} // what is seen sooner is not seen by the watch
	for _, id := range []string{"a", "b", "c"} {
		f.boxes[id] = k.start(t, modelsOfBoxes[id])
		given = append(given, "--connection", id+"="+f.boxes[id].url)
	}
	for _, r := range routesOfBoxes {
		given = append(given, "--proxy", r)
	}
	f.url = serve(t, []string{"tiny-chain", "tiny-random", "tiny-embed", "fam-old"}, append(given, flags...)...)
	f.client = ollamaClient(t, f.url)
	f.forget()
	return f
}

// onManaged runs a test against a managed fleet of each kind of pretend server.
func onManaged(t *testing.T, test func(t *testing.T, f *managed)) {
	onKinds(t, []kind{pretended, newer}, func(t *testing.T, k kind) { test(t, newManaged(t, k, "--manage")) })
}

// forget lets the servers forget what they were asked.
func (f *managed) forget() {
	for _, s := range f.boxes {
		s.pretend.Reset()
	}
}

// asked are the servers that have got a request with this path since, one name for each.
func (f *managed) asked(path string) string { return f.sent("", path) }

// sent are those that have got one with this method, "" = any.
func (f *managed) sent(method, path string) string {
	var out []string
	for id, s := range f.boxes {
		for _, r := range s.pretend.Requests() {
			if r.URL == path && (method == "" || r.Method == method) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// reached checks which servers have got a request with this path, and lets them forget it.
func (f *managed) reached(t *testing.T, path, want string) {
	t.Helper()
	if got := f.asked(path); got != want {
		t.Errorf("%s reached %q, not %q", path, got, want)
	}
	f.forget()
}

// holders checks which servers list a model themselves, and that gollamas lists it at once, or not.
func (f *managed) holders(t *testing.T, model, want string) {
	t.Helper()
	var out []string
	for id, s := range f.boxes {
		if lists(t, s.url, []string{model}) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	if got := strings.Join(out, " "); got != want {
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
		for _, r := range s.pretend.Requests() {
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
