package app

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A judge is a server that reads requests as Ollama does, with encoding/json and mime/multipart, and notes those about a
// model that whoever asks must not see. It shares no code with gollamas.
type judge struct {
	mu     sync.Mutex
	caught []string
}

const (
	hiddenModel  = "hidden-7b"
	hiddenDigest = "4444444444444444444444444444444444444444444444444444444444444444"
	shownDigest  = "5555555555555555555555555555555555555555555555555555555555555555"
)

func (j *judge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry := func(name, digest string) string {
		return fmt.Sprintf(`{"name":%q,"model":%q,"modified_at":"2026-01-01T00:00:00Z","size":7,"digest":%q,"details":{}}`, name, name, digest)
	}
	switch r.URL.Path {
	case "/api/version":
		io.WriteString(w, `{"version":"0.24.0"}`)
		return
	case "/api/tags", "/api/ps":
		fmt.Fprintf(w, `{"models":[%s,%s]}`, entry("shown:latest", shownDigest), entry(hiddenModel+":latest", hiddenDigest))
		return
	}
	body, _ := io.ReadAll(r.Body)
	for _, name := range namedIn(r, body) {
		if isHidden(name) {
			j.mu.Lock()
			j.caught = append(j.caught, fmt.Sprintf("%s %s %q", r.Method, r.URL, body))
			j.mu.Unlock()
		}
	}
	io.WriteString(w, `{"done":true}`)
}

// namedIn are all names of models in a request, as Ollama reads them.
func namedIn(r *http.Request, body []byte) []string {
	var q struct {
		Model, Name, Source, Destination, From string
	}
	_ = json.NewDecoder(bytes.NewReader(body)).Decode(&q) // what it has read by then counts all the same
	switch r.URL.Path {
	case "/api/copy":
		return []string{q.Source, q.Destination}
	case "/api/create":
		return []string{cmp.Or(q.Model, q.Name), q.From}
	case "/api/show", "/api/pull", "/api/push", "/api/delete":
		return []string{cmp.Or(q.Model, q.Name)}
	case "/v1/audio/transcriptions":
	default:
		return []string{q.Model, strings.TrimPrefix(r.URL.Path, "/v1/models/")}
	}
	if asked, there := r.URL.Query()["model"]; there {
		return asked[:1]
	}
	var all []string
	if _, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && params["boundary"] != "" {
		if form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20); err == nil {
			all = append(all, form.Value["model"]...)
		}
	}
	return all
}

// isHidden says whether Ollama would take a name for the hidden model's.
func isHidden(name string) bool {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, end := range []string{":local", ":cloud"} {
		name = strings.TrimSuffix(name, end)
	}
	if i := strings.Index(name, "://"); i >= 0 {
		name = name[i+3:]
	}
	name = strings.TrimSuffix(name, ":latest")
	for _, front := range []string{"registry.ollama.ai/", "library/"} {
		name = strings.TrimPrefix(name, front)
	}
	return name == hiddenModel
}

func (j *judge) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	caught := j.caught
	j.caught = nil
	return caught
}

var fuzzedEndpoints = []string{
	"GET /api/tags", "GET /api/ps", "GET /v1/models", "GET /v1/models/%s", "POST /api/generate", "POST /api/chat", "POST /api/embed", "POST /api/embeddings",
	"POST /api/show", "POST /api/pull", "POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings", "POST /v1/responses", "POST /v1/messages",
	"POST /v1/audio/transcriptions?model=%s", "POST /v1/audio/transcriptions", "POST /api/create", "POST /api/copy", "DELETE /api/delete", "POST /api/push",
	"HEAD /api/blobs/%s", "POST /api/blobs/%s", "POST /api/me", "GET /api/status", "GET /api/version", "HEAD /api/tags", "POST /%s", "GET /%s",
}

// FuzzNoEndpointAnswersAboutAModelTheKeyMayNotSee: whatever is asked by a key for another model, no server gets a request
// about the hidden one, and no answer shows that it is there. The key may even manage and name a server.
func FuzzNoEndpointAnswersAboutAModelTheKeyMayNotSee(f *testing.F) {
	names := []string{hiddenModel, "HIDDEN-7B:latest", "registry.ollama.ai/library/" + hiddenModel, hiddenModel + ":local", hiddenModel + ":cloud", "shown", "cover", " " + hiddenModel + " "}
	bodies := []string{`{"model":"%s"}`, `{"name":"%s"}`, `{"model":"shown","Model":"%s"}`, `{"model":"%s","model":"shown"}`, `{"model":"shown","from":"%s"}`, `{"source":"%s","destination":"mine"}`,
		`{"source":"shown","destination":"%s"}`, "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n%s\r\n--x--\r\n"}
	for i := range fuzzedEndpoints {
		for n := range names {
			for _, body := range []string{bodies[n], bodies[0]} {
				f.Add(uint8(i), names[n], strings.ReplaceAll(body, "%s", names[n]), n%2 == 0, "multipart/form-data; boundary=x")
				f.Add(uint8(i), names[0], strings.ReplaceAll(bodies[n], "%s", names[0]), n%2 == 0, "multipart/form-data; boundary=x")
			}
		}
	}
	j := &judge{}
	srv := httptest.NewServer(j)
	f.Cleanup(srv.Close)
	path := filepath.Join(f.TempDir(), "gollamas.yaml")
	text := "connections: {s: " + srv.URL + "}\nmodels: {'*': s}\naliases: {cover: " + hiddenModel + "}\nlist_aliases: true\nallow_cloud: true\n" +
		"keys: [{name: k, key: " + secretSome + ", models: [shown, mine], manage: true, cloud: true}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	r := start(f, "--config", path)
	f.Fuzz(func(t *testing.T, endpoint uint8, name, body string, server bool, contentType string) {
		method, target, _ := strings.Cut(fuzzedEndpoints[int(endpoint)%len(fuzzedEndpoints)], " ")
		target = strings.ReplaceAll(target, "%s", url.QueryEscape(name))
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+target, strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+secretSome)
		req.Header["Content-Type"] = []string{strings.Map(printable, contentType)}
		if server {
			req.Header.Set("X-Gollamas-Server", "s")
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return // not even net/http's client sends it
		}
		defer res.Body.Close()
		got, _ := io.ReadAll(res.Body)
		if caught := j.take(); len(caught) > 0 {
			t.Errorf("a server got %q", caught)
		}
		if strings.Contains(string(got), hiddenDigest) || res.StatusCode == http.StatusOK && strings.Contains(string(got), hiddenModel) && !strings.Contains(body+target, hiddenModel) {
			t.Errorf("%s %s %q: %d %s", method, target, body, res.StatusCode, got)
		}
	})
}

// printable leaves out what no header's value may have.
func printable(c rune) rune {
	if c < ' ' || c >= 0x7f {
		return -1
	}
	return c
}
