package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// visits are requests as a page in a browser makes them.
var visits = []struct {
	method, path, origin string
}{
	{"GET", "/api/tags", "http://localhost:3000"},
	{"GET", "/api/tags", "https://example.com"},
	{"GET", "/api/tags", "null"},
	{"GET", "/api/tags", "chrome-extension://abc"},
	{"GET", "/api/nothing", "app://obsidian.md"},
	{"OPTIONS", "/api/chat", "http://localhost:3000"},
	{"OPTIONS", "/v1/chat/completions", "vscode-webview://abc"},
	{"OPTIONS", "/api/chat", "https://example.com"},
	{"OPTIONS", "/api/chat", ""},
	{"GET", "/api/version", "http://127.0.0.1"},
}

func TestAPageInABrowserIsAnsweredAsTheServerBehindDoes(t *testing.T) {
	onEachKind(t, func(t *testing.T, k kind) {
		direct, through := alone(t, k)
		for _, v := range visits {
			want, got := visit(t, direct, v.method, v.path, v.origin), visit(t, through, v.method, v.path, v.origin)
			if !slices.Equal(want, got) {
				t.Errorf("%s %s from %q\n%s\n%s", v.method, v.path, v.origin, strings.Join(want, "\n"), strings.Join(got, "\n"))
			}
		}
	})
}

// visit is the answer as far as a browser looks at it to let a page read the rest.
func visit(t *testing.T, url, method, path, origin string) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(limited(t), method, url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "content-type")
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := []string{res.Status}
	for name, values := range res.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			out = append(out, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(out)
	return out
}
