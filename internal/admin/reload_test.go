package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"gollamas/internal/balance"
	"gollamas/internal/route"
)

// TestNoWebPageHasTheSettingsReadAgain: where the operator's address is not on loopback, a page's own name may have been made to lead here.
func TestNoWebPageHasTheSettingsReadAgain(t *testing.T) {
	table, err := route.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	h := New(Options{Table: table, Desk: balance.NewDesk(0, 0), Metrics: http.NotFoundHandler(), Reload: func(context.Context) error { asked++; return nil }})
	for origin, want := range map[string]int{"": 200, "http://evil.example:11435": 403, "null": 403} {
		r := httptest.NewRequest("POST", "http://evil.example:11435/api/reload", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("by a page of %q: %d %s", origin, w.Code, w.Body)
		}
	}
	if asked != 1 {
		t.Errorf("read again %d times", asked)
	}
}
