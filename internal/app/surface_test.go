package app

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"gollamas/internal/ollamatest"
)

func TestUnknownModelInThreeDialectsStreamingOrNot(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	for _, shape := range shapes {
		body := fmt.Sprintf(shape.body, "nope")
		got, direct := r.post(shape.path, body), ask(t, "POST", s.URL()+shape.path, body)
		if got.status != 404 || withoutID(got.body) != withoutID(direct.body) || got.header.Get("Content-Type") != direct.header.Get("Content-Type") {
			t.Errorf("%s %s\n got %d %s %s\nwant %d %s %s", shape.path, body, got.status, got.header.Get("Content-Type"), got.body,
				direct.status, direct.header.Get("Content-Type"), direct.body)
		}
	}
	r.post("/v1/messages", `{"model":"nope","messages":[{"role":"user","content":"x"}],"max_tokens":9}`).
		want(t, 404, `{"type":"error","error":{"type":"not_found_error","message":"model 'nope' not found"},"request_id":"req_`)
}

// withoutID cuts an Anthropic error's random end.
func withoutID(body string) string {
	before, _, _ := strings.Cut(body, `,"request_id"`)
	return before
}

func TestShowsTextFollowsTheServersVersion(t *testing.T) {
	for version, want := range map[string]string{"0.24.0": "model 'nope' not found", "0.33.0": "model 'nope:latest' not found"} {
		s := ollama(t, ollamatest.Options{Version: version})
		r := start(t, "--connection", "s="+s.URL())
		r.post("/api/show", `{"model":"nope"}`).want(t, 404, want)
	}
}

func TestPreflightIsAnsweredAsOllamaDoes(t *testing.T) {
	testOrigins = "https://*.example.com"
	t.Cleanup(func() { testOrigins = "" })
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	direct := ollama(t, ollamatest.Options{Origins: []string{"https://*.example.com"}})
	for _, origin := range []string{"http://localhost:3000", "app://obsidian.md", "https://chat.example.com", "https://evil.com", "null", "chrome-extension://x", r.url} {
		for _, method := range []string{"OPTIONS", "GET"} {
			fields := []string{"Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}
			got, want := r.ask(method, "/api/tags", "", fields...), ask(t, method, direct.URL()+"/api/tags", "", fields...)
			if origin == r.url { // of the same origin: no cross-origin request at all
				want = ask(t, method, direct.URL()+"/api/tags", "", "Origin", direct.URL())
			}
			if got.status != want.status {
				t.Errorf("%s from %s: %d, want %d", method, origin, got.status, want.status)
			}
			for name := range want.header {
				a, b := strings.Join(got.header[name], "|"), strings.Join(want.header[name], "|")
				if (strings.HasPrefix(name, "Access-") || name == "Vary") && a != b {
					t.Errorf("%s from %s: %s is %q, want %q", method, origin, name, a, b)
				}
			}
		}
	}
	if got := r.post("/api/chat", chat); got.status != 200 {
		t.Errorf("without an Origin: %d", got.status)
	}
}

func TestOnLoopbackAPagesOwnHostNameIsRefused(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	for host, want := range map[string]int{"evil.com": 403, "8.8.8.8": 403, "localhost": 200, "foo.local": 200, "10.1.2.3": 200, "127.0.0.1:1": 200} {
		if got := r.ask("GET", "/api/version", "", "Host", host); got.status != want {
			t.Errorf("Host %s: %d, want %d", host, got.status, want)
		}
		for _, c := range [][2]string{{"GET", "/api/tags/"}, {"OPTIONS", "/api/chat"}, {"GET", "/nowhere"}, {"GET", "//api/tags"}} {
			got, direct := r.ask(c[0], c[1], "", "Host", host), ask(t, c[0], s.URL()+c[1], "", "Host", host)
			if got.status != direct.status || got.header.Get("Allow") != direct.header.Get("Allow") {
				t.Errorf("Host %s, %s %s: %d %q, want %d %q", host, c[0], c[1], got.status, got.header.Get("Allow"), direct.status, direct.header.Get("Allow"))
			}
		}
	}
}

func TestWhatChangesAServerIsRefusedAndReachesNone(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	for _, c := range [][2]string{
		{"POST /api/create", `{"model":"x","from":"tiny-chain"}`}, {"POST /api/copy", `{"source":"tiny-chain","destination":"x"}`},
		{"DELETE /api/delete", `{"model":"tiny-chain"}`}, {"POST /api/push", `{"model":"tiny-chain"}`},
		{"POST /api/blobs/sha256:" + strings.Repeat("a", 64), "x"}, {"POST /api/me", ""}, {"POST /api/signout", ""}, {"DELETE /api/user/keys/x", ""},
		{"POST /api/experimental/web_search", "{}"}, {"POST /api/experimental/web_fetch", "{}"}, {"GET /api/experimental/model-recommendations", ""},
	} {
		method, path, _ := strings.Cut(c[0], " ")
		got := r.ask(method, path, c[1])
		if got.status != 403 || !strings.HasPrefix(got.body, `{"error":"`) || !strings.Contains(got.body, "directly") && !strings.Contains(got.body, "--manage") {
			t.Errorf("%s: %d %s", c[0], got.status, got.body)
		}
		if n := len(asked(s, path)); n > 0 {
			t.Errorf("%s reached the server", c[0])
		}
	}
	if got := r.ask("HEAD", "/api/blobs/sha256:"+strings.Repeat("a", 64), ""); got.status != 403 {
		t.Errorf("HEAD blob: %d", got.status)
	}
}

func TestAServerThatIsGollamasItselfIsNoticedAtTheFirstReturn(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	far := launch(t, "--connection", "near=http://"+address, "--proxy", "m=near")
	near := launch(t, "--listen", address, "--connection", "far="+far.url, "--connection", "self=http://"+address, "--proxy", "m=far", "--proxy", "self=self")
	for _, model := range []string{"m", "self"} {
		got := near.post("/api/chat", `{"model":"`+model+`","messages":[]}`)
		got.want(t, 508, "has been through this gollamas before")
	}
	eventually(t, func() bool {
		return strings.Contains(near.log.String(), `"server down","server":"self","reason":"/api/version: status 508`)
	})
	if n := len(far.log.String()); n > 20_000 {
		t.Errorf("the far one wrote %d bytes of log", n)
	}
}

func TestTheLogSaysWhyARequestWasTurnedAway(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	r.get("/nothing")
	r.get("/api/chat")
	r.ask("GET", "/api/tags", "", "Origin", "http://evil.example")
	r.ask("GET", "/api/tags", "", "Host", "evil.example")
	for i, want := range []string{"there is no path /nothing", "GET is not allowed on /api/chat", "a page of http://evil.example may not ask: OLLAMA_ORIGINS does not name it", "evil.example is not its name"} {
		if x := r.exchange(i + 1); !strings.Contains(x.Err, want) {
			t.Errorf("%q, want %q", x.Err, want)
		}
	}
}

func TestCloudModelsStayAtHome(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "tiny-chain"}, {Name: "stub", RemoteHost: "https://ollama.com:443", RemoteModel: "gpt-oss:120b"}}})
	r := start(t, "--connection", "s="+s.URL())
	for _, model := range []string{"tiny-chain:cloud", "gpt-oss:120b-cloud", "stub"} {
		r.post("/api/chat", fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"x"}]}`, model)).
			want(t, 403, `{"error":"ollama cloud is disabled: remote model is unavailable"}`)
		r.post("/api/show", fmt.Sprintf(`{"model":%q}`, model)).want(t, 403, "remote model details are unavailable")
	}
	if got := names(t, r.get("/api/tags").body); len(got) != 1 {
		t.Errorf("lists %v", got)
	}
	if n := len(asked(s, "/api/chat")); n != 0 {
		t.Errorf("%d requests reached the server", n)
	}
}

func TestACloudStubHidesNoLocalModel(t *testing.T) {
	local, stub := ollamatest.Model{Name: "gpt-oss:20b"}, ollamatest.Model{Name: "gpt-oss:20b-cloud", RemoteHost: "https://ollama.com:443", RemoteModel: "gpt-oss:20b"}
	odd := ollamatest.Model{Name: "zz:local"} // no request can mean it
	for _, models := range [][]ollamatest.Model{{local, stub, odd}, {odd, stub, local}} {
		s := ollama(t, ollamatest.Options{Models: models})
		r := start(t, "--connection", "s="+s.URL())
		r.post("/api/generate", `{"model":"gpt-oss:20b"}`).want(t, 200, "load")
		r.post("/api/generate", `{"model":"gpt-oss:20b-cloud"}`).want(t, 403, "cloud is disabled")
		if got := names(t, r.get("/api/tags").body); len(got) != 1 || got[0] != "gpt-oss:20b" {
			t.Errorf("lists %v", got)
		}
	}
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{stub}})
	r := start(t, "--connection", "s="+s.URL())
	r.post("/api/generate", `{"model":"gpt-oss:20b"}`).want(t, 404, "not found")
	r.get("/v1/models/gpt-oss:20b-cloud").want(t, 404, "not found")
}

func TestAModelPulledThroughGollamasIsThereAtOnce(t *testing.T) {
	s := ollama(t, with())
	r := start(t, "--connection", "s="+s.URL(), "--watch", "1h") // every model, so known by the lists only
	for _, body := range []string{`{"model":"new-a"}`, `{"model":"new-b","stream":false}`} {
		model := body[10:15]
		r.post("/api/show", body).want(t, 404, "not found")
		r.post("/api/pull", body).want(t, 200, "success")
		r.post("/api/show", body).want(t, 200, "details")
		if got := r.get("/api/tags").body; !strings.Contains(got, model) {
			t.Errorf("after pulling %s the list is %s", model, got)
		}
	}
}

func TestPullGoesToEveryServerOfAConfiguredModelOnly(t *testing.T) {
	a, b := ollama(t, with()), ollama(t, with())
	r := start(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--proxy", "new=b", "--proxy", "new=a", "--alias", "n=new")
	r.post("/api/pull", `{"model":"new"}`).want(t, 200, `{"status":"success"}`)
	r.post("/api/pull", `{"name":"n","stream":false}`).want(t, 200, `{"status":"success"}`)
	r.post("/api/pull", `{"model":"other"}`).want(t, 403, `gollamas pulls only models it has a route for, and \"other\" has none`)
	for _, s := range []*ollamatest.Server{a, b} {
		if n := len(asked(s, "/api/pull")); n != 2 {
			t.Errorf("a server was asked %d times", n)
		}
	}
	b.Stop()
	r.post("/api/pull", `{"model":"new"}`).want(t, 200, `{"error":"pulled on a, but not on b (connection refused)"}`)
	r.post("/api/pull", `{"model":"new","stream":false}`).want(t, 502, `{"error":"pulled on a, but not on b (connection refused)"}`)
}
