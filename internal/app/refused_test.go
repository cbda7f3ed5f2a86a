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

func TestWhatTheServerRefusesIsRefusedUnderARuleToo(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: {enforce: 30m}, num_ctx: {enforce: 8192}}}\n"
	for keep, status := range map[string]int{`true`: 400, `"30"`: 400, `{}`: 400, `1e300`: 200, `"1s"`: 200} {
		t.Run(keep, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": slowly(10 * time.Second)}, func(t *testing.T, w *world) {
				body := about("m", `"keep_alive":`+keep+`,`)
				a := w.post("/api/chat", body)
				if a.status != status {
					t.Errorf("%d %s", a.status, a.body)
				}
				if status == 200 {
					if got := w.stays("a", "m"); got != 30*time.Minute {
						t.Errorf("it stays for %v", got)
					}
					return
				}
				if own := w.ownAnswer("a", "/api/chat", body); masked(own) != masked(a.reply) || a.took > time.Second || w.boxes["a"].toLoad("m")+w.loads() != 0 {
					t.Errorf("after %v, with %d loads: %s\nthe server itself: %s", a.took, w.loads(), a.body, own.body)
				}
			})
		})
	}
	t.Run("no variant is made", func(t *testing.T) {
		pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
			w.post(spokenAt, `{"model":"m"}`).want(t, 400, "[] is too short - 'messages'")
			wait(time.Minute)
			if n := len(asked(w.boxes["a"].Server, "/api/create")) + w.loads(); n != 0 {
				t.Errorf("%d variants and loads", n)
			}
		})
	})
}
