package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// ownAnswer is what a box itself says to a request.
func (w *world) ownAnswer(host, path, body string) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	return roundTrip(req, w.boxes[host].current(), io.Discard)
}

func TestWhatTheServerRefusesHasNothingLoaded(t *testing.T) {
	const spoken = `"messages":[{"role":"user","content":"x"}]`
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"/v1/chat/completions", `{"model":"m"}`, 400},
		{"/v1/chat/completions", `{"model":"m","messages":[]}`, 400},
		{"/v1/messages", `{"model":"m",` + spoken + `}`, 400},
		{"/v1/messages", `{"model":"m","max_tokens":9}`, 400},
		{"/v1/responses", `{"model":"e","input":"x"}`, 400},
		{"/api/chat", `{"model":"m","messages":"x"}`, 400},
		{"/api/chat", `{"model":"m","keep_alive":"30",` + spoken + `}`, 400},
		{"/api/chat", `{"model":"m","keep_alive":true,` + spoken + `}`, 400},
		{"/api/chat", `{"model":"m","options":5,` + spoken + `}`, 400},
		{"/api/chat", `{"model":"m","options":{"num_ctx":"many"},` + spoken + `}`, 500},
		{"/api/generate", `{"model":"m","prompt":5}`, 400},
		{"/api/chat", `{"model":"e",` + spoken + `}`, 400},
		{"/v1/chat/completions", `{"model":"e",` + spoken + `}`, 400},
		{"/api/generate", `{"model":"e","prompt":"x"}`, 400},
	} {
		t.Run(c.path+c.body, func(t *testing.T) {
			o := slowly(10 * time.Second)
			o.Version = "0.33.0" // whose lists say what a model is for
			o.Models = append(o.Models, ollamatest.Model{Name: "e", Capabilities: []string{"embedding"}, Load: 10 * time.Second})
			pretend(t, "connections: {a: 'http://a.localhost'}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				a := w.post(c.path, c.body)
				if a.status != c.status || a.took > time.Second {
					t.Errorf("%d after %v: %s", a.status, a.took, a.body)
				}
				wait(time.Minute) // a load that nobody waits for would be over by now
				if n := w.boxes["a"].toLoad("m") + w.boxes["a"].toLoad("e") + w.loads(); n != 0 {
					t.Errorf("%d requests to load or loads", n)
				}
				if own := w.ownAnswer("a", c.path, c.body); own.status != a.status || masked(own) != masked(a.reply) {
					t.Errorf("%d %s\nthe server itself: %d %s", a.status, a.body, own.status, own.body)
				}
			})
		})
	}
}
