package app

import (
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// alternating is a sequence of requests for one model, by clients that say a context and clients that cannot.
func alternating(n int) (out []struct{ path, body string }) {
	for i := range n {
		switch i % 4 {
		case 0:
			out = append(out, struct{ path, body string }{"/api/chat", about("m", size(8192))})
		case 1:
			out = append(out, struct{ path, body string }{"/v1/chat/completions", about("m")})
		case 2:
			out = append(out, struct{ path, body string }{"/api/generate", `{"model":"m","prompt":"x","options":{"num_ctx":16384}}`})
		case 3:
			out = append(out, struct{ path, body string }{"/v1/messages", about("m", `"max_tokens":9,`)})
		}
	}
	return out
}

func TestNativeAndV1ClientsOnOneModelCauseOneLoadInTwoHundredRequests(t *testing.T) {
	const requests = 200
	for what, rule := range map[string]string{ // with a default the clients' own contexts still count
		"enforced": "num_ctx: {enforce: 8192}", "model on connection": "on: {a: {num_ctx: {enforce: 8192}}}",
	} {
		t.Run(what, func(t *testing.T) {
			file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], " + rule + "}}\n"
			o := paced(time.Millisecond)
			o.Models[0].Load = 3 * time.Second
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				for _, q := range alternating(requests) {
					a := w.post(q.path, q.body)
					if a.want(t, 200, ""); strings.Contains(a.body, "gollamas/") {
						t.Errorf("%s: %s", q.path, a.body)
					}
				}
				with := len(w.boxes["a"].Loads())
				if list := w.peek("a", "/api/ps"); !strings.Contains(list, `"context_length":8192`) {
					t.Errorf("/api/ps says %s", list)
				}
				w.direct("a", "/api/generate", `{"model":"m","keep_alive":0}`)
				w.boxes["a"].Reset()
				for _, q := range alternating(requests) {
					w.direct("a", q.path, q.body)
				}
				without := len(w.boxes["a"].Loads())
				t.Logf("%d requests: %d loads with gollamas, %d without", requests, with, without)
				if with != 1 || without < requests/2 {
					t.Errorf("%d loads with gollamas, %d without", with, without)
				}
			})
		})
	}
}

func TestADefaultContextMakesOneOfClientsThatSayNothing(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], num_ctx: 16384}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		for range 50 {
			w.post("/api/chat", about("m")).want(t, 200, "")
			w.post("/v1/chat/completions", about("m")).want(t, 200, "")
			w.post("/api/generate", `{"model":"m","prompt":"x"}`).want(t, 200, "")
			w.post("/v1/responses", `{"model":"m","input":"x"}`).want(t, 200, "")
		}
		if w.wantNLoads("a", 1); w.boxes["a"].Loads()[0].NumCtx != 16384 {
			t.Errorf("%+v", w.boxes["a"].Loads())
		}
	})
}
