package gateway

import "testing"

func TestPathsAreFoundAsOllamasRouterFindsThem(t *testing.T) {
	s := newSurface(endpoints)
	for _, c := range []struct {
		method, path, query string
		status              int    // 0 = an endpoint
		is                  string // the endpoint's path, or where to, or what is allowed
	}{
		{"GET", "/", "", 0, "/"},
		{"GET", "/v1/models/a:b", "", 0, "/v1/models/{model}"},
		{"GET", "/v1/models/a/b", "", 0, "/v1/models/{model}"},
		{"POST", "/v1/models/a/b", "", 404, ""},
		{"GET", "/v1/models/a/", "", 301, "/v1/models/a"},
		{"GET", "/API/tags", "", 404, ""},
		{"POST", "/api/tags", "", 405, "HEAD, GET"},
		{"GET", "/api/blobs/x", "", 405, "HEAD, POST"},
		{"GET", "/api/delete", "", 405, "DELETE"},
		{"OPTIONS", "/api/chat", "", 405, "POST"},
		{"GET", "/api/tags/", "a=b", 301, "/api/tags?a=b"},
		{"HEAD", "/api/tags/", "", 307, "/api/tags"},
		{"POST", "/api/tags/", "", 404, ""},
		{"GET", "//api/tags", "", 307, "/api/tags"},
		{"POST", "/api/../v1/./models", "", 307, "/v1/models"},
		{"GET", "/../../etc/passwd", "", 307, "/etc/passwd"},
	} {
		e, _, no := s.find(c.method, c.path, c.query)
		switch {
		case no == nil:
			if c.status != 0 || e.Path != c.is {
				t.Errorf("%s %s: endpoint %s", c.method, c.path, e.Path)
			}
		case no.Status != c.status || no.Header.Get("Location")+no.Header.Get("Allow") != c.is:
			t.Errorf("%s %s: %d %v", c.method, c.path, no.Status, no.Header)
		}
	}
}
