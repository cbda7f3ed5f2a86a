package app

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

// blackHole accepts connections and never says a word.
func blackHole(t *testing.T) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range held {
			c.Close()
		}
	})
	return "http://" + l.Addr().String()
}

func names(t *testing.T, body string) (out []string) {
	t.Helper()
	var list struct {
		Models []struct{ Name, Model string }
		Data   []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	for _, m := range list.Models {
		if m.Name != m.Model {
			t.Errorf("name %s, model %s", m.Name, m.Model)
		}
		out = append(out, m.Name)
	}
	for _, m := range list.Data {
		out = append(out, m.ID)
	}
	return out
}

func TestABlackHoledServerSlowsNoList(t *testing.T) {
	t.Parallel()
	a, b := ollama(t, with("one")), ollama(t, with("two"))
	r := launch(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--connection", "hole="+blackHole(t),
		"--proxy", "one=a", "--proxy", "two=b", "--proxy", "three=hole")
	start := time.Now()
	if got := names(t, r.get("/api/tags").body); len(got) != 2 || time.Since(start) > 1500*time.Millisecond {
		t.Errorf("the first list took %v and has %v", time.Since(start), got)
	}
	start = time.Now()
	r.get("/api/tags")
	if took := time.Since(start); took > 500*time.Millisecond {
		t.Errorf("the second list took %v, though the first had waited already", took)
	}
	fleet.FirstLook(t.Context(), r.connections, 10*time.Second) // the hole has been given up
	var took []time.Duration
	for range 11 {
		start := time.Now()
		if got := names(t, r.get("/api/tags").body); len(got) != 2 {
			t.Fatalf("lists %v", got)
		}
		took = append(took, time.Since(start))
	}
	if slices.Sort(took); took[5] > 50*time.Millisecond {
		t.Errorf("half the lists took longer than %v", took[5])
	}
}

func TestABlackHoledServerIsPassedOver(t *testing.T) {
	t.Parallel()
	a := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "hole="+blackHole(t), "--connection", "a="+a.URL(), "--proxy", "tiny-chain=hole", "--proxy", "tiny-chain=a")
	start := time.Now()
	r.post("/api/chat", chat).want(t, 200, `"done":true`)
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestOneModelOnTwoServersIsOneEntry(t *testing.T) {
	a, b := ollama(t, with("tiny-chain", "private")), ollama(t, with("Tiny-Chain", "other"))
	r := start(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(),
		"--proxy", "tiny-chain=b", "--proxy", "tiny-chain=a", "--proxy", "other=b", "--proxy", "absent=a", "--watch", "100ms")
	for _, path := range []string{"/api/tags", "/v1/models"} {
		got := names(t, r.get(path).body)
		slices.Sort(got)
		if want := []string{"Tiny-Chain:latest", "other:latest"}; !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v: only what is configured, each once", path, got, want)
		}
	}
	ask(t, "POST", a.URL()+"/api/generate", `{"model":"tiny-chain"}`).want(t, 200, "load")
	ask(t, "POST", b.URL()+"/api/generate", `{"model":"tiny-chain"}`).want(t, 200, "load")
	ask(t, "POST", a.URL()+"/api/generate", `{"model":"private"}`).want(t, 200, "load")
	eventually(t, func() bool {
		return len(names(t, r.get("/api/ps").body)) == 1
	})
	got := r.get("/api/ps")
	if !strings.Contains(got.body, `"context_length":4096`) || !strings.Contains(got.body, `"expires_at":"`) {
		t.Errorf("ps lost something: %s", got.body)
	}
}

// eventually waits for what the watch will bring.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came about")
		}
	}
}

func TestAliasesAreListedWhereAskedFor(t *testing.T) {
	s := ollama(t, with("deepseek-r1:14b"))
	ask(t, "POST", s.URL()+"/api/generate", `{"model":"deepseek-r1:14b"}`).want(t, 200, "load")
	flags := []string{"--proxy", "deepseek-r1:14b=" + s.URL(), "--alias", "deepseek=deepseek-r1:14b", "--alias", "gpt-4o=deepseek"}
	for _, listed := range []bool{false, true} {
		r := start(t, append(flags, fmt.Sprintf("--list-aliases=%v", listed))...)
		want := []string{"deepseek-r1:14b"}
		if listed {
			want = []string{"deepseek-r1:14b", "deepseek:latest", "gpt-4o:latest"}
		}
		for _, path := range []string{"/api/tags", "/api/ps", "/v1/models"} {
			got := names(t, r.get(path).body)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s lists %v, want %v", path, got, want)
			}
		}
		r.get("/v1/models/gpt-4o").want(t, 200, `{"id":"gpt-4o","object":"model","created":`)
	}
}

func TestListsKeepFieldsNobodyHereKnows(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	entry := `{"name":"tiny-chain:latest","model":"tiny-chain:latest","modified_at":"2026-01-02T03:04:05.123456789+01:00","size":1.0,"digest":"sha256:ab","came_out_last_week":{"a":[1.00]}}`
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/tags", Status: 200, Body: `{"models":[` + entry + `]}`, Header: http.Header{"Content-Type": {"application/json"}}})
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	if got := r.get("/api/tags").body; got != `{"models":[`+entry+`]}` {
		t.Errorf("got %s", got)
	}
}

func TestListsAreEmptyAsOllamasAre(t *testing.T) {
	s := ollama(t, ollamatest.Options{})
	r := start(t, "--connection", "s="+s.URL())
	for path, want := range map[string]string{"/api/tags": `{"models":[]}`, "/api/ps": `{"models":[]}`, "/v1/models": `{"object":"list","data":null}` + "\n"} {
		if got := r.get(path).body; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	r.get("/v1/models/nope").want(t, 404, `{"error":{"message":"model 'nope' not found","type":"not_found_error","param":null,"code":null}}`)
}

func TestOneModelIsShownUnderTheNameItWasAskedBy(t *testing.T) {
	s := ollama(t, with("tiny-chain", "hf.co/me/big:Q4"))
	r := start(t, "--connection", "s="+s.URL())
	for path, id := range map[string]string{
		"tiny-chain": "tiny-chain", "TINY-chain:latest": "TINY-chain:latest", "library%2Ftiny-chain": "library/tiny-chain",
		"hf.co/me/big:Q4": "hf.co/me/big:Q4", "hf.co%2Fme%2Fbig%3Aq4": "hf.co/me/big:q4",
	} {
		r.get("/v1/models/"+path).want(t, 200, `{"id":"`+id+`","object":"model","created":`)
	}
	r.get("/v1/models/a/b").want(t, 404, "404 page not found")
}

func TestVersionIsAnObjectWithTheLowest(t *testing.T) {
	var flags []string
	for i, v := range []string{"0.24.0", "0.9.6", "0.33.0"} {
		s := ollama(t, ollamatest.Options{Version: v})
		flags = append(flags, "--connection", fmt.Sprintf("s%d=%s", i, s.URL()))
	}
	r := start(t, flags...)
	if got := r.get("/api/version").body; got != `{"version":"0.9.6"}` {
		t.Errorf("got %s", got)
	}
	if got := r.ask("HEAD", "/api/version", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
}

func TestLastKnownListsAreServedWhileAServerIsAway(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL(), "--watch", "100ms")
	s.Stop()
	eventually(t, func() bool { return !r.server(0).State().Up })
	r.get("/api/tags").want(t, 200, "tiny-chain:latest")
	r.get("/api/version").want(t, 200, "0.24.0")
	if !strings.Contains(r.log.String(), `"server down"`) {
		t.Errorf("the log does not say it: %s", r.log)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return r.server(0).State().Up })
}

func TestPatternsServeWhateverIsInstalledAndTheLongerWins(t *testing.T) {
	a, b, c := ollama(t, with("qwen3:8b", "x")), ollama(t, with("qwen3:8b", "qwen2.5:7b", "x")), ollama(t, with("qwen3:8b", "x"))
	r := start(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--connection", "c="+c.URL(),
		"--proxy", "*=a", "--proxy", "qwen*=b", "--proxy", "qwen3:8b=c")
	for model, want := range map[string]string{"x": "a", "qwen2.5:7b": "b", "QWEN3:8b": "c"} {
		got := r.post("/api/generate", fmt.Sprintf(`{"model":%q}`, model))
		if id := got.header.Get("X-Gollamas-Server"); id != want || got.status != 200 {
			t.Errorf("%s: %d from %q, want %s", model, got.status, id, want)
		}
	}
	r.post("/api/generate", `{"model":"qwen-none"}`).want(t, 404, "model 'qwen-none' not found")
	got := names(t, r.get("/api/tags").body)
	slices.Sort(got)
	if want := []string{"qwen2.5:7b", "qwen3:8b", "x:latest"}; !slices.Equal(got, want) {
		t.Errorf("lists %v, want %v", got, want)
	}
}

func TestConnectionsWithoutAProxyServeAllTheyHave(t *testing.T) {
	a, b := ollama(t, with("one")), ollama(t, with("two"))
	r := start(t, "--connections", "a="+a.URL()+",b="+b.URL())
	for model, want := range map[string]string{"one": "a", "two": "b"} {
		if got := r.post("/api/generate", fmt.Sprintf(`{"model":%q}`, model)).header.Get("X-Gollamas-Server"); got != want {
			t.Errorf("%s was served by %q", model, got)
		}
	}
}
