package app

import (
	"net/http"
	"strings"
	"testing"

	"gollamas/internal/ollamatest"
)

// TestAttackANamedServerSkipsTheGuard: who manages, without leave, names the server.
func TestAttackANamedServerSkipsTheGuard(t *testing.T) {
	o := with("home")
	o.Models = append(o.Models, ollamatest.Model{Name: "stub", RemoteHost: "https://ollama.com:443", RemoteModel: "glm"})
	file := "connections: {a: 'http://a.localhost'}\nkeys: [{name: k, key: " + secretSome + ", cloud: false, manage: true}]\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(interval)
		for _, q := range []struct{ method, path, body string }{{"POST", "/api/show", `{"model":"stub"}`}, {"POST", "/api/push", `{"model":"stub","stream":false}`}, {"GET", "/api/tags", ""}} {
			plain, named := w.by(secretSome, q.method, q.path, q.body), w.by(secretSome, q.method, q.path, q.body, "X-Gollamas-Server", "a")
			t.Logf("%s: %d, with the server named %d", q.path, plain.status, named.status)
			if plain.status == 403 && named.status != 403 || !strings.Contains(plain.body, "stub") && strings.Contains(named.body, "stub") {
				t.Errorf("%s: %d %.150s, but with the server named %d %.150s", q.path, plain.status, plain.body, named.status, named.body)
			}
		}
		for _, path := range []string{"/api/show", "/api/push"} {
			if n := len(asked(w.boxes["a"].Server, path)); n > 0 {
				t.Errorf("%s about a stub went %d times", path, n)
			}
		}
	})
}

// TestAttackHeldRunningAndVariantsStayHidden: neither what is merely loaded nor what gollamas makes shows to who may not see it.
func TestAttackHeldRunningAndVariantsStayHidden(t *testing.T) {
	file := "connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {shown: a}\nallow_running: true\nnum_ctx: 8192\nkeys: [{name: all, key: " + secretAll + "}, {name: some, key: " + secretSome + ", models: [shown]}, {name: star, key: " + secretBoss + ", models: ['*']}]\n"
	pretend(t, file, map[string]ollamatest.Options{"a": with("shown"), "b": with("hidden")}, func(t *testing.T, w *world) {
		w.direct("b", "/api/chat", chatOf("hidden"))
		wait(interval)
		w.by(secretAll, "POST", "/api/chat", chatOf("hidden")).want(t, 200, "")
		w.by(secretAll, "POST", "/v1/chat/completions", strings.Replace(chatOf("shown"), `"model"`, `"stream":false,"model"`, 1)).want(t, 200, "")
		wait(interval)
		for _, q := range everyEndpoint("hidden") {
			got := w.by(secretSome, q.method, q.path, q.body)
			if got.status == 200 && strings.Contains(got.body, "hidden") {
				t.Errorf("%s %s: %s", q.method, q.path, got.body)
			}
		}
		for _, name := range []string{"gollamas/shown", "gollamas/shown:8192", "gollamas/shown-8192"} {
			w.by(secretBoss, "GET", "/v1/models/"+name, "").want(t, 404, "")
		}
		if got := w.by(secretBoss, "GET", "/api/tags", ""); strings.Contains(got.body, "gollamas") {
			t.Error(got.body)
		}
		for _, m := range w.boxes["a"].Server.Requests() {
			if strings.HasPrefix(m.URL, "/api/create") {
				t.Logf("variant: %s", m.Body)
				name := strings.SplitN(strings.SplitN(string(m.Body), `"model":"`, 2)[1], `"`, 2)[0]
				if got := w.by(secretBoss, "GET", "/v1/models/"+name, ""); got.status == http.StatusOK {
					t.Errorf("/v1/models/%s: %s", name, got.body)
				}
			}
		}
	})
}
