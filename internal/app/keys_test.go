package app

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
)

// Secrets of the keys in these tests.
const (
	secretAll  = "secret-of-who-may-all"
	secretSome = "secret-of-who-may-some"
	secretBoss = "secret-of-who-may-manage"
)

const keysFile = `connections: {a: 'http://a.localhost', b: 'http://b.localhost'}
models: {shown: [a, b], hidden: [a, b], "*": [a, b]}
aliases: {nick: shown, mask: hidden}
list_aliases: true
keys:
  - {name: all, key: ` + secretAll + `}
  - {name: some, key: ` + secretSome + `, models: [shown, mine, mask]}
  - {name: boss, key: ` + secretBoss + `, models: [shown, mine], manage: true}
`

func keyBoxes() map[string]ollamatest.Options {
	a := with("shown", "hidden", "other")
	b := with("shown", "hidden")
	return map[string]ollamatest.Options{"a": a, "b": b}
}

// by asks with a key.
func (w *world) by(secret, method, path, body string, fields ...string) reply {
	w.t.Helper()
	return w.ask(method, path, strings.NewReader(body), int64(len(body)), append([]string{"Authorization", "Bearer " + secret}, fields...)...)
}

// everyEndpoint is a request to each that needs a key, about a model.
func everyEndpoint(model string) []struct{ method, path, body string } {
	digest := "sha256:" + strings.Repeat("a", 64)
	talk := fmt.Sprintf(`{"model":%q,"stream":false,"messages":[{"role":"user","content":"hi"}],"max_tokens":5}`, model)
	prompt := fmt.Sprintf(`{"model":%q,"stream":false,"prompt":"hi","input":"hi"}`, model)
	return []struct{ method, path, body string }{
		{"GET", "/api/status", ""}, {"GET", "/api/tags", ""}, {"HEAD", "/api/tags", ""}, {"GET", "/api/ps", ""}, {"GET", "/v1/models", ""}, {"GET", "/v1/models/" + model, ""},
		{"POST", "/api/generate", prompt}, {"POST", "/api/chat", talk}, {"POST", "/api/embed", prompt}, {"POST", "/api/embeddings", prompt}, {"POST", "/api/show", prompt},
		{"POST", "/api/pull", prompt}, {"POST", "/v1/chat/completions", talk}, {"POST", "/v1/completions", prompt}, {"POST", "/v1/embeddings", prompt},
		{"POST", "/v1/responses", prompt}, {"POST", "/v1/messages", talk}, {"POST", "/v1/audio/transcriptions?model=" + model, "--x--\r\n"},
		{"POST", "/api/create", fmt.Sprintf(`{"model":"mine","from":%q,"stream":false}`, model)}, {"POST", "/api/copy", fmt.Sprintf(`{"source":%q,"destination":"mine"}`, model)},
		{"DELETE", "/api/delete", prompt}, {"POST", "/api/push", prompt}, {"HEAD", "/api/blobs/" + digest, ""}, {"POST", "/api/blobs/" + digest, "x"}, {"POST", "/api/me", ""},
		{"POST", "/api/signout", ""}, {"POST", "/api/experimental/web_search", ""},
	}
}

func TestWithoutAKeyNothingIsAnswered(t *testing.T) {
	pretend(t, keysFile, keyBoxes(), func(t *testing.T, w *world) {
		for _, q := range everyEndpoint("shown") {
			for what, fields := range map[string][]string{
				"no key": nil, "a wrong one": {"Authorization", "Bearer secret-of-nobody"}, "its beginning": {"X-Api-Key", secretAll[:5]},
				"another scheme": {"Authorization", "Basic " + secretAll}, "no scheme": {"Authorization", secretAll}, "its name": {"X-Api-Key", "all"},
			} {
				got := w.ask(q.method, q.path, strings.NewReader(q.body), int64(len(q.body)), fields...)
				if got.status != 401 || got.header.Get("Www-Authenticate") != "Bearer" {
					t.Errorf("%s %s with %s: %d %s", q.method, q.path, what, got.status, got.body)
				}
				if q.method != "HEAD" {
					wantDialect(t, q.path, got.body, "unauthorized: ")
				}
			}
		}
		if got := w.reached(); len(got) > 0 {
			t.Errorf("servers were asked: %q", got)
		}
		for _, path := range []string{"/", "/api/version"} {
			for _, method := range []string{"GET", "HEAD"} {
				if got := w.ask(method, path, http.NoBody, 0); got.status != 200 {
					t.Errorf("%s %s needs no key: %d", method, path, got.status)
				}
			}
		}
		got := w.ask("OPTIONS", "/api/chat", http.NoBody, 0, "Origin", "http://localhost:3000", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
		if got.status != 204 || !strings.Contains(strings.ToLower(got.header.Get("Access-Control-Allow-Headers")), "authorization") {
			t.Errorf("a preflight: %d %v", got.status, got.header)
		}
		if got := w.ask("GET", "/api/tags", http.NoBody, 0, "Origin", "http://localhost:3000"); got.header.Get("Access-Control-Allow-Origin") == "" {
			t.Error("a page may not read that it has no key")
		}
	})
}

// wantDialect wants an error's text where the path's dialect has it.
func wantDialect(t *testing.T, path, body, text string) {
	t.Helper()
	front := `{"error":"`
	switch {
	case strings.HasPrefix(path, "/v1/messages"):
		front = `{"type":"error","error":{"type":`
	case strings.HasPrefix(path, "/v1/"):
		front = `{"error":{"message":"`
	}
	if !strings.HasPrefix(body, front) || !strings.Contains(body, text) {
		t.Errorf("%s: %s, want %s…%s", path, body, front, text)
	}
}

func TestAKeyIsTakenFromEitherFieldAndGoesNoFurther(t *testing.T) {
	pretend(t, keysFile, keyBoxes(), func(t *testing.T, w *world) {
		for i, fields := range [][]string{
			{"Authorization", "Bearer " + secretAll}, {"Authorization", "bearer " + secretAll}, {"X-Api-Key", secretAll},
			{"Authorization", "Bearer something-else", "X-Api-Key", secretAll}, {"Authorization", "Bearer " + secretAll, "X-Api-Key", "dummy"},
		} {
			got := w.ask("POST", "/api/chat", strings.NewReader(chatOf("shown")), int64(len(chatOf("shown"))), fields...)
			if got.status != 200 {
				t.Errorf("%d: %d %s", i, got.status, got.body)
			}
			synctest.Wait()
			if x := w.exchange(i + 1); x.Key != "all" {
				t.Errorf("by %q", x.Key)
			}
		}
		for host, b := range w.boxes {
			for _, q := range b.Requests() {
				if s := fmt.Sprint(q.Header); strings.Contains(s, secretAll) || strings.Contains(s, "dummy") {
					t.Errorf("%s got %s", host, s)
				}
			}
		}
		for _, secret := range []string{secretAll, secretSome, secretBoss} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("a secret stands in the log:\n%s", w.log)
			}
		}
		if !strings.Contains(w.log.String(), `"key":"all"`) {
			t.Errorf("the log does not say whose:\n%s", w.log)
		}
	})
}

func chatOf(model string) string { return strings.Replace(chat, "tiny-chain", model, 1) }

// TestWhatAKeyMayNotUseLooksAsIfItDidNotExist: of each endpoint the answer about a hidden model is that about one
// which is nowhere.
func TestWhatAKeyMayNotUseLooksAsIfItDidNotExist(t *testing.T) {
	pretend(t, keysFile, keyBoxes(), func(t *testing.T, w *world) {
		w.by(secretAll, "POST", "/api/chat", chatOf("hidden"))
		w.by(secretAll, "POST", "/api/chat", chatOf("shown"))
		wait(interval)
		for _, secret := range []string{secretSome, secretBoss} {
			for _, q := range everyEndpoint("hidden") {
				nowhere := everyEndpoint("nohere")
				i := slices.IndexFunc(nowhere, func(o struct{ method, path, body string }) bool {
					return o.method == q.method && strings.ReplaceAll(o.path, "nohere", "hidden") == q.path
				})
				about, none := w.by(secret, q.method, q.path, q.body), w.by(secret, nowhere[i].method, nowhere[i].path, nowhere[i].body)
				if secret == secretSome && q.path == "/api/show" { // the alias that this key may use is no leave to see the model
					about.want(t, 404, "not found")
				}
				if got, want := strings.ReplaceAll(unnumbered(about.body), "hidden", "nohere"), unnumbered(none.body); about.status != none.status || got != want {
					t.Errorf("%s %s: %d %s\nof a model that is nowhere: %d %s", q.method, q.path, about.status, about.body, none.status, none.body)
				}
				if strings.Contains(about.body, "hidden") && about.status == 200 {
					t.Errorf("%s %s: %s", q.method, q.path, about.body)
				}
			}
		}
		for host, b := range w.boxes {
			if n := b.chats("hidden"); n > 1 {
				t.Errorf("%s was asked %d times", host, n)
			}
			for _, path := range []string{"/api/show", "/api/generate", "/api/embed", "/api/pull", "/api/create", "/api/copy", "/api/delete"} {
				for _, q := range asked(b.Server, path) {
					if s := string(q.Body); strings.Contains(s, "hidden") && s != `{"model":"hidden","stream":false}` { // the load for who may all
						t.Errorf("%s got %s: %s", host, path, q.Body)
					}
				}
			}
		}
	})
}

// unnumbered is a body without what is another each time.
func unnumbered(body string) string {
	if i := strings.Index(body, `"request_id":`); i >= 0 {
		return body[:i]
	}
	return body
}

func TestListsShowAKeyItsModelsOnly(t *testing.T) {
	pretend(t, keysFile, keyBoxes(), func(t *testing.T, w *world) {
		w.by(secretAll, "POST", "/api/chat", chatOf("hidden"))
		w.by(secretAll, "POST", "/api/chat", chatOf("shown"))
		wait(interval)
		for secret, want := range map[string][]string{
			secretAll:  {"hidden:latest", "mask:latest", "nick:latest", "other:latest", "shown:latest"},
			secretSome: {"mask:latest", "nick:latest", "shown:latest"},
			secretBoss: {"nick:latest", "shown:latest"},
		} {
			for path, want := range map[string][]string{"/api/tags": want, "/v1/models": want, "/api/ps": slices.DeleteFunc(slices.Clone(want), func(n string) bool { return n == "other:latest" })} {
				got := names(t, w.by(secret, "GET", path, "").body)
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("%s %s: %q, want %q", secret, path, got, want)
				}
			}
		}
		if got := names(t, w.by(secretBoss, "GET", "/api/tags", "", "X-Gollamas-Server", "a").body); !slices.Equal(got, []string{"shown:latest"}) {
			t.Errorf("of one server: %q", got)
		}
		w.by(secretSome, "POST", "/api/chat", chatOf("nick")).want(t, 200, `"done":true`)
		w.by(secretSome, "POST", "/api/chat", chatOf("mask")).want(t, 200, `"done":true`) // the key names the alias
		w.by(secretBoss, "POST", "/api/chat", chatOf("mask")).want(t, 404, "model 'mask' not found")
		w.by(secretSome, "GET", "/v1/models/mask", "").want(t, 200, `"id":"mask"`)
	})
}

func TestAKeyManagesIfItSaysSoAndItsOwnModelsOnly(t *testing.T) {
	pretend(t, keysFile, keyBoxes(), func(t *testing.T, w *world) {
		wait(interval)
		w.by(secretAll, "POST", "/api/copy", `{"source":"shown","destination":"mine"}`).want(t, 403, `key \"all\" may not`)
		w.by(secretAll, "GET", "/api/tags", "", "X-Gollamas-Server", "a").want(t, 403, "only who may manage may name a server")
		w.by(secretBoss, "POST", "/api/copy", `{"source":"shown","destination":"mine"}`).want(t, 200, "")
		w.by(secretBoss, "POST", "/api/copy", `{"source":"shown","destination":"theirs"}`).want(t, 403, "no route")
		w.by(secretBoss, "DELETE", "/api/delete", `{"model":"hidden"}`).want(t, 404, "model 'hidden' not found")
		w.by(secretBoss, "DELETE", "/api/delete", `{"model":"hidden"}`, "X-Gollamas-Server", "a").want(t, 404, "not found")
		w.by(secretBoss, "POST", "/api/show", `{"model":"hidden"}`, "X-Gollamas-Server", "a").want(t, 404, "not found")
		w.by(secretBoss, "DELETE", "/api/delete", `{"model":"mine"}`).want(t, 200, "")
		file := `{"model":"mine","files":{"m.gguf":"sha256:` + strings.Repeat("a", 64) + `"},"stream":false}`
		w.by(secretBoss, "POST", "/api/create", file).want(t, 403, "only a key for every model")
		w.by(secretBoss, "POST", "/api/create", strings.Replace(file, `"files"`, `"from":"shown","adapters"`, 1)).want(t, 403, "only a key for every model")
		for _, method := range []string{"HEAD", "POST"} {
			if got := w.by(secretBoss, method, "/api/blobs/sha256:"+strings.Repeat("a", 64), "x"); got.status != 403 {
				t.Errorf("%s of a file: %d %s", method, got.status, got.body)
			}
		}
		if got := w.boxes["a"].Requests(); slices.ContainsFunc(got, func(q ollamatest.Request) bool { return strings.HasPrefix(q.URL, "/api/blobs") }) {
			t.Error("a file was asked for")
		}
	})
}

const limitsFile = `connections: {a: 'http://a.localhost'}
keys:
  - {name: few, key: ` + secretSome + `, requests_per_minute: 2}
  - {name: one, key: ` + secretBoss + `, parallel: 1}
  - {name: day, key: ` + secretAll + `, tokens_per_day: 5}
`

func TestPastAKeysLimitsThereIs429InTheDialectAndWhenToTryAgain(t *testing.T) {
	pretend(t, limitsFile, map[string]ollamatest.Options{"a": with("m")}, func(t *testing.T, w *world) {
		for range 9 { // gollamas' own answers are not counted
			w.by(secretSome, "GET", "/api/tags", "").want(t, 200, "m:latest")
		}
		for range 2 {
			w.by(secretSome, "POST", "/api/chat", chatOf("m")).want(t, 200, `"done":true`)
		}
		for _, path := range []string{"/api/chat", "/v1/chat/completions", "/v1/messages"} {
			got := w.by(secretSome, "POST", path, chatOf("m"))
			if got.status != 429 || got.header.Get("Retry-After") != "30" {
				t.Errorf("%s: %d, Retry-After %q", path, got.status, got.header.Get("Retry-After"))
			}
			wantDialect(t, path, got.body, `key \"few\" may make 2 requests a minute`)
		}
		wait(30 * time.Second)
		w.by(secretSome, "POST", "/api/chat", chatOf("m")).want(t, 200, `"done":true`)

		w.by(secretAll, "POST", "/api/chat", chatOf("m")).want(t, 200, `"done":true`)
		got := w.by(secretAll, "POST", "/api/chat", chatOf("m"))
		got.want(t, 429, "has had its 5 tokens of today")
		if after := got.header.Get("Retry-After"); len(after) != 5 { // it is just past midnight
			t.Errorf("Retry-After %q", after)
		}
		if n := len(asked(w.boxes["a"].Server, "/api/chat")); n != 4 {
			t.Errorf("%d chats arrived, want 4", n)
		}
	})
}

func TestAKeysRequestsAtOnceAreBoundedUntilOneEnds(t *testing.T) {
	o := with("m")
	o.Pace = time.Second
	pretend(t, limitsFile, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		over := make(chan reply)
		go func() { over <- w.by(secretBoss, "POST", "/api/chat", chatOf("m")) }()
		synctest.Wait()
		got := w.by(secretBoss, "POST", "/v1/chat/completions", chatOf("m"))
		got.want(t, 429, `key \"one\" may have 1 requests at once`)
		if got.header.Get("Retry-After") != "1" {
			t.Error(got.header)
		}
		if first := <-over; first.status != 200 {
			t.Error(first.status, first.body)
		}
		w.by(secretBoss, "POST", "/api/chat", chatOf("m")).want(t, 200, "")
	})
}

func TestAStreamThatIsCutCountsWhatCameOfIt(t *testing.T) {
	o := with("m")
	o.Pace = time.Second
	pretend(t, limitsFile, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		r, err := http.NewRequestWithContext(w.t.Context(), "POST", "http://localhost/api/chat", strings.NewReader(chatOf("m")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secretAll)
		res, err := (&http.Transport{DialContext: w.door.Dial, DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(res.Body)
		for range 8 {
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		res.Body.Close()
		synctest.Wait()
		w.by(secretAll, "POST", "/api/chat", chatOf("m")).want(t, 429, "tokens of today")
	})
}

func TestModelsElsewhereNeedTheSettingsLeaveOrTheKeys(t *testing.T) {
	o := with("home")
	o.Models = append(o.Models, ollamatest.Model{Name: "glm:cloud", RemoteHost: "https://ollama.com:443", RemoteModel: "glm"},
		ollamatest.Model{Name: "stub", RemoteHost: "https://ollama.com:443", RemoteModel: "glm"})
	boxes := map[string]ollamatest.Options{"a": o}
	file := "connections: {a: 'http://a.localhost'}\nkeys: [{name: out, key: " + secretAll + ", cloud: true}, {name: in, key: " + secretSome + "}, {name: no, key: " + secretBoss + ", cloud: false}]\n"
	for allow, may := range map[string]map[string]bool{
		"false": {secretAll: true, secretSome: false, secretBoss: false},
		"true":  {secretAll: true, secretSome: true, secretBoss: false},
	} {
		t.Run(allow, func(t *testing.T) {
			pretend(t, file+"allow_cloud: "+allow+"\n", boxes, func(t *testing.T, w *world) {
				for secret, may := range may {
					got := names(t, w.by(secret, "GET", "/api/tags", "").body)
					if slices.Contains(got, "glm:cloud") != may || slices.Contains(got, "stub:latest") != may {
						t.Errorf("%s lists %q", secret, got)
					}
					for _, model := range []string{"glm:cloud", "glm-5-cloud", "other:120b-cloud", "stub"} {
						before := len(asked(w.boxes["a"].Server, "/api/chat"))
						got := w.by(secret, "POST", "/api/chat", chatOf(model))
						went := len(asked(w.boxes["a"].Server, "/api/chat")) > before
						switch {
						case model == "glm-5-cloud": // no source at all: a name like any other
							got.want(t, 404, "not found")
						case went != may:
							t.Errorf("%s: %s went: %v, answer %d %s", secret, model, went, got.status, got.body)
						case !may:
							got.want(t, 403, "ollama cloud is disabled")
						}
					}
				}
				for secret, may := range may {
					before := len(asked(w.boxes["a"].Server, "/api/show"))
					w.by(secret, "POST", "/api/show", `{"model":"stub"}`)
					if went := len(asked(w.boxes["a"].Server, "/api/show")) > before; went != may {
						t.Errorf("%s asks to be shown the stub: the server was asked: %v", secret, went)
					}
				}
				if n := len(asked(w.boxes["a"].Server, "/api/generate")); n > 0 {
					t.Errorf("%d loads of models that are elsewhere", n)
				}
			})
		})
	}
}

// TestAModelAtHomeStandsBeforeAStubOfItsName: the list shows what would answer.
func TestAModelAtHomeStandsBeforeAStubOfItsName(t *testing.T) {
	stub := ollamatest.Options{Models: []ollamatest.Model{{Name: "glm", RemoteHost: "https://ollama.com:443", RemoteModel: "glm"}}}
	for _, models := range []string{"glm: [a, b]", "glm: [b, a]"} {
		t.Run(models, func(t *testing.T) {
			pretend(t, "connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nallow_cloud: true\nmodels: {"+models+"}\n",
				map[string]ollamatest.Options{"a": stub, "b": with("glm")}, func(t *testing.T, w *world) {
					got := w.ask("GET", "/api/tags", http.NoBody, 0)
					if strings.Contains(got.body, "remote_host") || len(names(t, got.body)) != 1 {
						t.Errorf("%s", got.body)
					}
				})
		})
	}
}

// TestAModelElsewhereIsNotTakenForTheOneAtHome: they differ in a tag that only servers' lists have.
func TestAModelElsewhereIsNotTakenForTheOneAtHome(t *testing.T) {
	o := with("glm")
	o.Models = append(o.Models, ollamatest.Model{Name: "glm:cloud", RemoteHost: "https://ollama.com:443", RemoteModel: "glm"})
	pretend(t, "connections: {a: 'http://a.localhost'}\nallow_cloud: true\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		for i, model := range []string{"glm:cloud", "glm"} {
			body := chatOf(model)
			w.ask("POST", "/api/chat", strings.NewReader(body), int64(len(body)))
			if x := w.exchange(i + 1); x.Model != model {
				t.Errorf("%s is counted as %q", model, x.Model)
			}
		}
		if facts := w.facts(0, "glm"); facts.Service.N+facts.First.N > 1 {
			t.Errorf("what the one elsewhere took is learned of the one at home: %+v", facts)
		}
	})
}
