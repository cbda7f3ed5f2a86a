package app

import (
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gollamas/internal/config"
	"gollamas/internal/keys"
	wire "gollamas/internal/ollama"
	"gollamas/internal/ollamatest"
)

// Each test here fails as long as what it is named for holds.

// scripted is a server with one model that answers as told.
func scripted(t *testing.T, contentType string, answer func(r *http.Request) string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/version":
			io.WriteString(w, `{"version":"0.33.0"}`)
		case "/api/tags":
			io.WriteString(w, `{"models":[{"name":"m:latest","model":"m:latest","modified_at":"2026-01-01T00:00:00Z","size":7,"digest":"`+shownDigest+`","details":{}}]}`)
		case "/api/ps":
			io.WriteString(w, `{"models":[{"name":"m:latest","model":"m:latest","size":7,"size_vram":7,"digest":"`+shownDigest+`","details":{},"expires_at":"2036-01-01T00:00:00Z","context_length":4096}]}`)
		default:
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, answer(r))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestAttackAKeysFileWithNoKeysOpensGollamas(t *testing.T) {
	url := scripted(t, "application/json", func(*http.Request) string { return "{}" })
	for what, text := range map[string]string{
		"empty": "", "a comment only": "# all keys\n", "an empty list": "[]\n", "null": "~\n",
		"a comment, then a document":  "# keys\n---\n- {name: k, key: " + secretSome + "}\n",
		"an empty document before it": "---\n---\n- {name: k, key: " + secretSome + "}\n",
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			g := flagsOf(t, "--connection", "s="+url, "--keys-file", path)
			c, err := config.Load(g, func(string) string { return "" })
			if err == nil && len(c.Keys) == 0 {
				r := start(t, "--connection", "s="+url, "--keys-file", path)
				if got := ask(t, "GET", r.url+"/api/tags", ""); got.status != 401 {
					t.Errorf("keys_file is set, and without a key /api/tags is %d", got.status)
				}
			}
		})
	}
	for what, text := range map[string]string{"keys: []": "keys: []\n", "keys:": "keys:\n"} {
		if _, err := config.Load(flagsOf(t, "--config", file(t, "connections: {s: '"+url+"'}\n"+text)), func(string) string { return "" }); err == nil {
			t.Errorf("%s is taken, and then everybody may ask", what)
		}
	}
}

func TestAttackASecretThatEndsInEqualsSignsIsTakenForAName(t *testing.T) {
	url := scripted(t, "application/json", func(*http.Request) string { return "{}" })
	const secret = "c2VjcmV0LW9mLXdoby1tYXktYWxs=="
	g := flagsOf(t, "--connection", "s="+url, "--api-key", secret)
	if _, err := config.Load(g, func(string) string { return "" }); err != nil {
		return
	}
	r := start(t, "--connection", "s="+url, "--api-key", secret)
	if got := ask(t, "GET", r.url+"/api/tags", "", "X-Api-Key", "="); got.status != 401 {
		t.Errorf(`x-api-key "=" opens gollamas: %d`, got.status)
	}
	time.Sleep(50 * time.Millisecond)
	if strings.Contains(r.log.String(), strings.TrimRight(secret, "=")) {
		t.Error("and the secret is the key's name in the log")
	}
}

func TestAttackErrorsOfSettingsSaySecrets(t *testing.T) {
	const secret = "gk-abcdefghijklmnopqrst"
	for what, text := range map[string]string{
		"keys as text":        "keys: laptop=" + secret,
		"keys as bare text":   "keys: " + secret,
		"a star in front":     "keys: [{name: a, key: *" + secret + "}]",
		"an at in front":      "keys: [{name: a, key: @" + secret + "}]",
		"a percent in front":  "keys: [{name: a, key: %" + secret + "}]",
		"an exclamation mark": "keys: [{name: a, key: !" + secret + "}]",
		"a colon in it":       "keys:\n  - name: a\n    key: x: " + secret,
		"an open quote":       "keys: [{name: a, key: \"" + secret + "}]",
		"a name as mapping":   "keys: {laptop: " + secret + "}",
		"a short mapping":     "keys:\n  - " + secret + ": laptop",
		"a number's place":    "keys: [{name: a, key: x1234567890123456, parallel: " + secret + "}]",
		"a model's place":     "keys: [{name: a, key: x1234567890123456, models: " + secret + "}]",
		"a truth's place":     "keys: [{name: a, key: x1234567890123456, manage: " + secret + "}]",
		"a dollar and braces": "keys: [{name: a, key: '${" + secret + "}'}]",
		"twice":               "keys: [{name: a, key: " + secret + ", key: " + secret + "}]",
		"one too few blanks":  "keys:\n  - name: a\n   key: " + secret,
		"a tab":               "keys:\n  - name: a\n\tkey: " + secret,
	} {
		_, err := config.Load(flagsOf(t, "--config", file(t, "connections: {a: 'http://a'}\n"+text+"\n")), func(string) string { return "" })
		if err == nil {
			t.Logf("config, %s: no error", what)
		} else if strings.Contains(err.Error(), secret[3:]) {
			t.Errorf("config, %s: %v", what, err)
		}
	}
	for what, text := range map[string]string{
		"NAME=KEY lines": "laptop=" + secret + "\nphone=" + secret, "the secret alone": secret, "a mapping": "laptop: " + secret, "keys": "keys:\n- {name: a, key: " + secret + "}",
		"a list of text": "- laptop=" + secret, "star": "- {name: a, key: *" + secret + "}", "twice": "- {name: a, key: " + secret + ", key: " + secret + "}",
		"a key as list": "- {name: a, key: [" + secret + "]}", "a name as mapping": "- " + secret + ": a",
	} {
		path := file(t, text)
		_, err := config.Load(flagsOf(t, "--connection", "a=http://a", "--keys-file", path), func(string) string { return "" })
		if err == nil {
			t.Logf("keys_file, %s: no error", what)
		} else if strings.Contains(err.Error(), secret[3:]) {
			t.Errorf("keys_file, %s: %v", what, err)
		}
	}
	for _, list := range []string{"laptop=" + secret + "," + secret, secret + "=", "laptop:" + secret, "laptop=" + secret + "=,phone=" + secret, "laptop=a b" + secret, "laptop=sha256:" + secret, secret + "\n=x"} {
		_, err := config.Load(flagsOf(t, "--connection", "a=http://a"), func(n string) string {
			if n == "GOLLAMAS_API_KEYS" {
				return list
			}
			return ""
		})
		if err != nil && strings.Contains(err.Error(), secret[3:]) {
			t.Errorf("GOLLAMAS_API_KEYS=%q: %v", list, err)
		}
	}
}

func TestAttackAnAliasTellsWhatItStandsFor(t *testing.T) {
	file := `connections: {a: 'http://a.localhost'}
models: {shown: a, hidden: a, "*": a}
aliases: {mask: hidden}
list_aliases: true
keys: [{name: all, key: ` + secretAll + `}, {name: some, key: ` + secretSome + `, models: [shown, mask, mine], manage: true}]
`
	pretend(t, file, map[string]ollamatest.Options{"a": with("shown", "hidden")}, func(t *testing.T, w *world) {
		wait(interval)
		for _, q := range everyEndpoint("mask") {
			got := w.by(secretSome, q.method, q.path, q.body)
			if strings.Contains(got.body, "hidden") {
				t.Errorf("%s %s: %d %.300s", q.method, q.path, got.status, got.body)
			}
		}
		w.direct("a", "/api/copy", `{"source":"hidden","destination":"kept"}`)
		req, _ := http.NewRequestWithContext(t.Context(), "DELETE", "http://localhost/api/delete", strings.NewReader(`{"model":"hidden"}`))
		if res, err := (&http.Transport{DialContext: w.boxes["a"].current().Dial, DisableKeepAlives: true}).RoundTrip(req); err == nil {
			res.Body.Close()
		}
		for _, q := range everyEndpoint("mask") { // its server has lost it since the last look
			got := w.by(secretSome, q.method, q.path, q.body)
			if got.status == 404 && strings.Contains(got.body, "hidden") {
				t.Errorf("of a model that is gone: %s %s: %d %.300s", q.method, q.path, got.status, got.body)
			}
		}
	})
}

func TestAttackParentModelNamesWhatAKeyMayNotSee(t *testing.T) {
	pretend(t, keysFile, keyBoxes(), func(t *testing.T, w *world) {
		wait(interval)
		w.direct("a", "/api/create", `{"model":"mine","from":"hidden","system":"x","stream":false}`)
		wait(interval)
		for _, q := range []struct{ method, path, body string }{{"GET", "/api/tags", ""}, {"GET", "/api/ps", ""}, {"POST", "/api/show", `{"model":"mine"}`}, {"POST", "/api/show", `{"model":"mine","verbose":true}`}} {
			if got := w.by(secretSome, q.method, q.path, q.body); strings.Contains(got.body, "hidden") {
				t.Errorf("%s: %.400s", q.path, got.body)
			}
		}
	})
}

func TestAttackPatternsOfKeysAreWiderThanTheyRead(t *testing.T) {
	for _, c := range []struct {
		models, asked string
		may           bool
	}{
		{"library/*", "secret/model", false}, {"library/*", "hf.co/me/model", false}, {"registry.ollama.ai/*", "hf.co/me/model", false}, {"https://registry.ollama.ai/library/*", "hf.co/me/m", false},
		{"glm:120b-cloud", "glm:120b", false}, {"glm:cloud", "glm", false}, {"*:cloud", "glm:cloud", true}, {"*-cloud", "glm:120b-cloud", true}, {"llama*", "llamas.example/x/y", false},
		{"glm:local", "glm", true},
	} {
		ring, err := keys.NewRing([]keys.Key{{Name: "k", Models: []string{c.models}}}, nil, nil)
		if errors.Is(err, keys.ErrEvery) {
			continue // it is refused
		}
		if err != nil {
			t.Errorf("%s: %v", c.models, err)
			continue
		}
		n, err := wire.ParseName(c.asked)
		if err != nil {
			t.Fatal(err)
		}
		_ = ring
		h := holderOf(t, c.models)
		if h.Sees(n) != c.may {
			t.Errorf("models: [%s] sees %s: %v", c.models, c.asked, !c.may)
		}
	}
}

func holderOf(t *testing.T, model string) *keys.Holder {
	t.Helper()
	k := keys.Key{Name: "k", Models: []string{model}}
	if err := k.Read(secretSome); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing([]keys.Key{k}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ring.Find(secretSome)
}

func TestAttackAKeyForACloudModelUsesTheOneAtHome(t *testing.T) {
	o := with("glm", "home")
	pretend(t, "connections: {a: 'http://a.localhost'}\nkeys: [{name: k, key: "+secretSome+", models: ['glm:cloud'], cloud: true}]\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(interval)
		if got := w.by(secretSome, "POST", "/api/chat", chatOf("glm")); got.status == 200 {
			t.Errorf("models: [glm:cloud] chats with glm at home: %d", got.status)
		}
	})
}

// spent asks four times by a key with five tokens a day, and wants the last refused.
func spent(t *testing.T, contentType, path, body, answer string, fields ...string) {
	t.Helper()
	url := scripted(t, contentType, func(*http.Request) string { return answer })
	r := start(t, "--config", file(t, "connections: {s: '"+url+"'}\nkeys: [{name: k, key: "+secretSome+", tokens_per_day: 5}]\n"))
	var last reply
	for range 4 {
		last = ask(t, "POST", r.url+path, body, append([]string{"X-Api-Key", secretSome}, fields...)...)
	}
	if last.status != 429 {
		t.Errorf("%s: the fourth of requests of hundreds of tokens each is answered: %d %.200s", path, last.status, last.body)
	}
}

func TestAttackTokensThatAreNotCounted(t *testing.T) {
	long := strings.Repeat("word ", 500)
	vector := "[" + strings.Repeat("0.1,", 300) + "0.1]"
	t.Run("embeddings of old", func(t *testing.T) {
		spent(t, "application/json; charset=utf-8", "/api/embeddings", `{"model":"m","prompt":"`+long+`"}`, `{"embedding":`+vector+`}`)
	})
	t.Run("transcriptions", func(t *testing.T) {
		spent(t, "application/json", "/v1/audio/transcriptions?model=m", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nsound\r\n--x--\r\n", `{"text":"`+long+`"}`, "Content-Type", "multipart/form-data; boundary=x")
	})
	t.Run("a long prompt streamed on v1", func(t *testing.T) {
		spent(t, "text/event-stream", "/v1/chat/completions", `{"model":"m","stream":true,"max_tokens":1,"messages":[{"role":"user","content":"`+long+`"}]}`,
			"data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: [DONE]\n\n")
	})
	t.Run("embed", func(t *testing.T) {
		spent(t, "application/json; charset=utf-8", "/api/embed", `{"model":"m","input":"x"}`, `{"model":"m","embeddings":[`+vector+`],"total_duration":1,"load_duration":1,"prompt_eval_count":500}`)
	})
	t.Run("embeddings on v1", func(t *testing.T) {
		spent(t, "application/json", "/v1/embeddings", `{"model":"m","input":"x"}`, `{"object":"list","data":[{"object":"embedding","embedding":`+vector+`,"index":0}],"model":"m","usage":{"prompt_tokens":500,"total_tokens":500}}`)
	})
	t.Run("messages", func(t *testing.T) {
		spent(t, "application/json", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`, `{"id":"1","type":"message","role":"assistant","content":[{"type":"text","text":"x"}],"usage":{"input_tokens":400,"output_tokens":100}}`)
	})
	t.Run("a tool call that says figures of its own", func(t *testing.T) {
		spent(t, "application/json", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"call note with eval_count 0"}],"tools":[{"name":"note","input_schema":{}}]}`,
			`{"id":"1","type":"message","role":"assistant","content":[{"type":"tool_use","id":"t","name":"note","input":{"eval_count":0,"prompt_eval_count":0}}],"stop_reason":"tool_use","usage":{"input_tokens":400,"output_tokens":100}}`)
	})
	t.Run("responses", func(t *testing.T) {
		spent(t, "application/json", "/v1/responses", `{"model":"m","input":"x"}`, `{"id":"1","object":"response","output":[],"usage":{"input_tokens":400,"output_tokens":100,"total_tokens":500}}`)
	})
}

func TestAttackFiguresOfATool(t *testing.T) {
	for _, s := range []string{
		`{"content":[{"type":"tool_use","input":{"eval_count":0}}],"usage":{"input_tokens":400,"output_tokens":100}}`,
		`{"content":[{"type":"tool_use","input":{"prompt_eval_count":9223372036854775807,"eval_count":9223372036854775807}}],"usage":{"input_tokens":400,"output_tokens":100}}`,
	} {
		if u := wire.UsageIn([]byte(s)); u.Prompt != 400 || u.Answer != 100 {
			t.Errorf("%s: %+v, together %d", s, u, int64(u.Prompt)+int64(u.Answer))
		}
	}
}

// TestAttackHugeFiguresMakeTheCountNegative: two requests at once whose answers say the greatest number.
func TestAttackHugeFiguresMakeTheCountNegative(t *testing.T) {
	k := keys.Key{Name: "k", PerDay: 5}
	_ = k.Read(secretSome)
	ring, _ := keys.NewRing([]keys.Key{k}, nil, nil)
	h := ring.Find(secretSome)
	one, _ := h.Take(context.Background(), time.Now())
	two, _ := h.Take(context.Background(), time.Now())
	one(1<<63 - 1)
	two(1<<63 - 1)
	if _, no := h.Take(context.Background(), time.Now()); no == nil {
		t.Error("a key that has taken two times the greatest number may go on")
	}
}

func TestAttackAFlagsKeyForgetsWhatTheFileForbidsIt(t *testing.T) {
	c, err := config.Load(flagsOf(t, "--config", file(t, "connections: {a: 'http://a'}\nkeys: [{name: k, key: '${K}', models: [m], parallel: 1, cloud: false}]\n")),
		func(n string) string {
			return map[string]string{"K": secretSome, "GOLLAMAS_API_KEYS": "k=" + secretSome}[n]
		})
	if err == nil && len(c.Keys) == 1 && len(c.Keys[0].Models) == 0 {
		t.Errorf("the very same secret in GOLLAMAS_API_KEYS lifts the file's bounds: %+v", c.Keys[0].Models)
	}
}

func TestAttackARingThatIsNotTakenHasChangedTheOneBefore(t *testing.T) {
	k := keys.Key{Name: "k", PerMinute: 1}
	_ = k.Read(secretSome)
	before, _ := keys.NewRing([]keys.Key{k}, nil, nil)
	h := before.Find(secretSome)
	k.PerMinute = 0
	if _, err := keys.NewRing([]keys.Key{k, {Name: "bad", Models: []string{"no such name!"}}}, before, nil); err == nil {
		t.Fatal("it is taken")
	}
	for range 5 {
		if end, no := h.Take(context.Background(), time.Now()); no == nil {
			end(0)
		} else {
			return
		}
	}
	t.Error("a bad list of keys has lifted the limit of the one that is in force")
}

func TestAttackAKeyWithoutCloudSendsAModelElsewhereOrMakesAStub(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nkeys: [{name: k, key: " + secretSome + ", cloud: false, manage: true, models: ['me/*', mine]}]\n"
	pretend(t, file, map[string]ollamatest.Options{"a": with("me/shown", "hidden")}, func(t *testing.T, w *world) {
		wait(interval)
		w.by(secretSome, "POST", "/api/push", `{"model":"me/shown","stream":false}`)
		if n := len(asked(w.boxes["a"].Server, "/api/push")); n > 0 {
			t.Error("a key with cloud: false pushes a model to ollama.com")
		}
		got := w.by(secretSome, "POST", "/api/create", `{"model":"mine","from":"hidden","remote_host":"https://ollama.com","stream":false}`)
		if n := len(asked(w.boxes["a"].Server, "/api/create")); n > 0 {
			t.Errorf("a key with cloud: false makes a stub: %d %s", got.status, got.body)
		}
	})
}

func TestAttackHashesInOtherSpellingsAreSecrets(t *testing.T) {
	for _, front := range []string{"SHA256:", "sha256-", "sha256=", "$sha256:"} {
		k := keys.Key{Name: "k"}
		if err := k.Read(front + strings.Repeat("a", 64)); err == nil {
			t.Errorf("%s… is taken for a secret: who reads the settings can use it", front)
		}
	}
	for _, n := range []string{"0123456", "1_000_000_000_000_000", "0x1234567890abcdef", "1e30", "12345678901234567890123"} {
		c, err := config.Load(flagsOf(t, "--config", file(t, "connections: {a: 'http://a'}\nkeys: [{name: k, key: "+n+"}]\n")), func(string) string { return "" })
		k := keys.Key{}
		_ = k.Read(n)
		if err == nil && c.Keys[0].Hash != k.Hash {
			t.Errorf("key: %s is another secret than it says", n)
		}
	}
}

func flagsOf(t *testing.T, flags ...string) *config.Given {
	t.Helper()
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	g := config.Flags(fs)
	if err := fs.Parse(flags); err != nil {
		t.Fatal(err)
	}
	return g
}
