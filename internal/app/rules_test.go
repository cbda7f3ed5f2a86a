package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// got is the last body that a box got at a path.
func (b *box) got(path string) string {
	all := asked(b.Server, path)
	if len(all) == 0 {
		return ""
	}
	return string(all[len(all)-1].Body)
}

const ruled = aAndB + `
models: {m: [a, b], n: [a, b], e: [a, b]}
aliases: {other: m}
balance: in-order
keep_alive: 30m
num_ctx: {enforce: 8192}
`

func withEmbedding() ollamatest.Options {
	o := paced(time.Millisecond)
	o.Models = append(o.Models, ollamatest.Model{Name: "e", Capabilities: []string{"embedding"}})
	return o
}

func TestRulesHoldForEveryNativeRequestThatHasTheModelWork(t *testing.T) {
	const front = `{"keep_alive":"30m0s","options":{"num_ctx":8192},`
	for _, c := range []struct{ path, body, want string }{
		{"/api/chat", `{"model":"m","messages":[{"role":"user","content":"x"}]}`, front + `"model":"m","messages":[{"role":"user","content":"x"}]}`},
		{"/api/generate", `{"model":"m","prompt":"x"}`, front + `"model":"m","prompt":"x"}`},
		{"/api/embed", `{"model":"e","input":"x"}`, front + `"model":"e","input":"x"}`},
		{"/api/embeddings", `{"model":"e","prompt":"x"}`, front + `"model":"e","prompt":"x"}`},
		{"/api/chat", `{"model":"other","messages":[{}]}`, front + `"model":"m","messages":[{}]}`}, // an alias has its model's rules
		{"/api/chat", `{"model":"m", "keep_alive" : 60,"options":{"seed":1,"num_ctx":2048},"messages":[{}]}`, `{"model":"m", "keep_alive" : 60,"options":{"seed":1,"num_ctx":8192},"messages":[{}]}`},
		{"/api/chat", `{"model":"m","keep_alive":"1h","options":{"num_ctx":8192.0},"messages":[{}]}`, `{"model":"m","keep_alive":"1h","options":{"num_ctx":8192.0},"messages":[{}]}`},
		{"/api/chat", `{"model":"m","keep_alive":null,"options":null,"messages":[{}]}`, `{"model":"m","keep_alive":"30m0s","options":{"num_ctx":8192},"messages":[{}]}`},
		{"/api/show", `{"model":"m"}`, `{"model":"m"}`},
	} {
		t.Run(c.path+c.body, func(t *testing.T) {
			pretend(t, ruled, both(withEmbedding()), func(t *testing.T, w *world) {
				w.post(c.path, c.body).want(t, 200, "")
				if got := w.boxes["a"].got(c.path); got != c.want {
					t.Errorf("the server got %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

func TestTheServerThatIsAskedNextGetsItsOwnRules(t *testing.T) {
	file := `connections: {a: {url: 'http://a.localhost', num_ctx: 2048}, b: {url: 'http://b.localhost', keep_alive: {enforce: -1}}}
models: {m: {routes: [a, b], on: {b: {num_ctx: {enforce: 1024}}}}}
balance: in-order
keep_alive: 10m
`
	pretend(t, file, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Refuse, Path: "/api/chat"})
		a := w.post("/api/chat", about("m", `"keep_alive":"1h",`))
		if a.want(t, 200, `"done":true`); a.by() != "b" {
			t.Errorf("by %s", a.by())
		}
		for host, want := range map[string]string{
			"a": `{"options":{"num_ctx":2048},"keep_alive":"1h",`, "b": `{"options":{"num_ctx":1024},"keep_alive":-1,`,
		} {
			if got := w.boxes[host].got("/api/chat"); !strings.HasPrefix(got, want) {
				t.Errorf("%s got %s", host, got)
			}
		}
		for host, want := range map[string]string{
			"a": `{"model":"m","keep_alive":"10m0s","options":{"num_ctx":2048},"stream":false}`, "b": `{"model":"m","keep_alive":-1,"options":{"num_ctx":1024},"stream":false}`,
		} {
			if got := w.boxes[host].got("/api/generate"); got != want {
				t.Errorf("%s was to load %s, want %s", host, got, want)
			}
		}
	})
}

// stays is how long a model would stay in a box's memory, as /api/ps there has it.
func (w *world) stays(host, model string) time.Duration {
	var list struct {
		Models []struct {
			Name      string
			ExpiresAt time.Time `json:"expires_at"`
		}
	}
	if err := json.Unmarshal([]byte(w.peek(host, "/api/ps")), &list); err != nil {
		w.t.Fatal(err)
	}
	for _, m := range list.Models {
		if m.Name == model+":latest" {
			return time.Until(m.ExpiresAt).Round(time.Second)
		}
	}
	return 0
}

func TestAKeepAliveByRuleHoldsForDialectsThatCannotSayOne(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: 45m}}\n"
	for path, body := range map[string]string{
		"/v1/chat/completions": about("m"), "/v1/completions": `{"model":"m","prompt":"x"}`, "/v1/embeddings": `{"model":"m","input":"x"}`,
		"/v1/responses": `{"model":"m","input":"x"}`, "/v1/messages": about("m", `"max_tokens":9,`),
	} {
		t.Run(path, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
				stays := func(want time.Duration) {
					t.Helper()
					if got := w.stays("a", "m"); got != want {
						t.Errorf("it stays for %v, not %v", got, want)
					}
				}
				w.post(path, body).want(t, 200, "")
				stays(45 * time.Minute)
				w.post("/api/chat", about("m", `"keep_alive":"1m",`)).want(t, 200, "")
				stays(time.Minute) // a client may say so: it is a default
				w.post(path, body).want(t, 200, "")
				stays(45 * time.Minute)
				n := len(w.boxes["a"].Requests())
				w.post(path, body).want(t, 200, "")
				if more := len(w.boxes["a"].Requests()) - n; more != 1 {
					t.Errorf("the same again cost %d requests", more)
				}
				w.wantNLoads("a", 1)
			})
		})
	}
}

func TestAnEnforcedKeepAliveSurvivesClientsWhoKnowBetter(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: {enforce: -1}}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		for _, more := range []string{`"keep_alive":"1s",`, `"keep_alive":0,`, ``} {
			w.post("/api/chat", about("m", more)).want(t, 200, `"done":true`)
			w.post("/v1/chat/completions", about("m", more)).want(t, 200, "")
		}
		wait(24 * time.Hour)
		if !w.seenOn("a", "m") {
			t.Error("it has left")
		}
		w.wantNLoads("a", 1)
	})
}

func TestAModelThatIsNotToStayIsThereForWhoWaits(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: 0}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		for range 2 {
			w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
		}
		w.wantNLoads("a", 2)
		if n := w.boxes["a"].toLoad("m"); n != 2 {
			t.Errorf("%d of the loads were gollamas' own", n)
		}
		w.post("/v1/chat/completions", about("m")).want(t, 200, "")
		w.wantNLoads("a", 3)
		wait(11 * time.Second)
		if w.seenOn("a", "m") {
			t.Error("it is still there")
		}
	})
}

func TestAnEnforcedKeepAliveIsSaidAgainWhereItHasBeenForgotten(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: {enforce: -1}}}\n"
	for name, forget := range map[string]func(t *testing.T, w *world){
		"the server restarts between two looks": func(t *testing.T, w *world) {
			w.boxes["a"].die()
			w.boxes["a"].rise(t)
			w.post(spokenAt, about("m")).want(t, 200, "") // it has the model loaded, and can say nothing
		},
		"somebody else has it loaded after that": func(t *testing.T, w *world) {
			w.boxes["a"].die()
			w.boxes["a"].rise(t)
			w.direct("a", "/api/generate", `{"model":"m"}`)
		},
		"somebody else says less": func(_ *testing.T, w *world) { w.direct("a", "/api/generate", `{"model":"m","keep_alive":"1m"}`) },
		"it has left, and somebody else has it loaded": func(_ *testing.T, w *world) {
			w.direct("a", "/api/generate", `{"model":"m","keep_alive":0}`)
			wait(2 * interval)
			w.direct("a", "/api/generate", `{"model":"m"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
				w.post(spokenAt, about("m")).want(t, 200, "")
				forget(t, w)
				wait(2 * interval)
				w.post(spokenAt, about("m")).want(t, 200, "")
				wait(20 * time.Minute)
				if !w.seenOn("a", "m") {
					t.Error("it has left")
				}
			})
		})
	}
}

func TestWhatWasSaidOfALoadIsNotTakenForSaidOfTheNext(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: {enforce: 20m}}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		w.post(spokenAt, about("m")).want(t, 200, "")
		wait(time.Hour) // its time is over
		w.warm("a", "m")
		w.post(spokenAt, about("m")).want(t, 200, "")
		if got := w.stays("a", "m"); got != 20*time.Minute {
			t.Errorf("it stays for %v", got)
		}
	})
}

// hear has a model write down what is said in a sound.
func (w *world) hear(model string) reply {
	w.t.Helper()
	form, contentType := transcription(w.t, model)
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", "http://localhost/v1/audio/transcriptions?x=1", strings.NewReader(form))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	return roundTrip(req, w.door, io.Discard)
}

func TestRulesHoldForTranscriptions(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], num_ctx: 8192, keep_alive: 45m, aliases: [whisper]}}\n"
	o := sizedBox()
	o["a"].Models[0].Capabilities = []string{"completion", "vision", "audio"}
	pretend(t, file, o, func(t *testing.T, w *world) {
		for i, name := range []string{"m", "whisper"} {
			w.hear(name).want(t, 200, `{"text":"`)
			if got := w.stays("a", "m"); got != 45*time.Minute {
				t.Errorf("it stays for %v", got)
			}
			if at := "/v1/audio/transcriptions?model=" + url.QueryEscape(ofOld) + "&x=1"; len(asked(w.boxes["a"].Server, at)) != 1+i {
				t.Errorf("%s: it was not asked of the variant: %s", name, w.last().Sent)
			}
		}
		w.post("/api/chat", about("m")).want(t, 200, `"done":true`) // with the same context
		if loads := w.boxes["a"].Loads(); len(loads) != 1 || loads[0].NumCtx != 8192 {
			t.Errorf("%+v", loads)
		}
	})
}
