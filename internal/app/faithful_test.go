package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"gollamas/internal/ollamatest"
)

func TestUnknownFieldsAndNumberFormatsSurvive(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	body := "{ \"model\":\"tiny-chain\" ,\t\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e4\\/\"}],\"stream\":false,\n" +
		`"came_out_last_week":{"a":1.00,"b":1e+02,"c":-0,"d":123456789012345678901234567890,"e":[null,true]},"options":{"seed":1.0E1}}`
	r.post("/api/chat", body).want(t, 200, "the quick brown fox")
	if got := string(lastPost(s).Body); got != body {
		t.Errorf("the server got %s\nwant %s", got, body)
	}
}

// lastPost is the last request a server got that was no look of the watch, which can follow any answer.
func lastPost(s *ollamatest.Server) (last ollamatest.Request) {
	for _, q := range s.Requests() {
		if q.Method == "POST" {
			last = q
		}
	}
	return last
}

func TestUnknownAnswerFieldsAndStatusSurvive(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	answer := `{"error":"nope","odd":{"n":1.00}}`
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 418, Body: answer, Header: http.Header{"X-Odd": {"a", "b"}, "Content-Type": {"application/json"}}})
	got := r.post("/api/chat", `{"model":"tiny-chain"}`)
	if got.status != 418 || got.body != answer || strings.Join(got.header["X-Odd"], ",") != "a,b" {
		t.Errorf("got %d %v %s", got.status, got.header, got.body)
	}
}

func TestDuplicateAndOddCaseModelKeysCannotLeadAstray(t *testing.T) {
	a, b := ollama(t, with("model-a", "model-b")), ollama(t, with("model-a", "model-b"))
	r := start(t, "--proxy", "model-a="+a.URL(), "--proxy", "model-b="+b.URL())
	for body, want := range map[string]*ollamatest.Server{
		`{"model":"model-a","Model":"model-b"}`:       b,
		`{"MODEL":"model-b","model":"model-a"}`:       a,
		`{"model":"model-a","model":null}`:            a,
		`{"mo\u0064el":"model-b","x":1}`:              b,
		`{"model":"model-a","mode\u006c":"model-b"}`:  b,
		`{"model":"mod\u0065l-b"} {"model":"none"}`:   b,
		`{"x":{"model":"model-a"},"model":"model-b"}`: b,
	} {
		a.Reset()
		b.Reset()
		r.post("/api/generate", body).want(t, 200, `"done_reason":"load"`)
		got := generates(want)
		if len(got) == 0 || len(generates(a))+len(generates(b)) != len(got) {
			t.Errorf("%s: the right server got %d requests of %d", body, len(got), len(generates(a))+len(generates(b)))
			continue
		}
		if models := modelMembers(t, got[len(got)-1]); len(models) != 1 {
			t.Errorf("%s became %s, with %d models", body, got[len(got)-1], len(models))
		}
	}
}

// modelMembers are the top-level members that some parser could take for the model.
func modelMembers(t *testing.T, body []byte) (out []string) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		key, err := dec.Token()
		var value any
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.EqualFold(key.(string), "model") {
			out = append(out, fmt.Sprint(value))
		}
	}
	return out
}

// generates are the bodies of the /api/generate requests a server got.
func generates(s *ollamatest.Server) (out [][]byte) {
	for _, q := range s.Requests() {
		if q.URL == "/api/generate" {
			out = append(out, q.Body)
		}
	}
	return out
}

func TestEachNameSpellingReachesTheModel(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "Tiny-Chain:latest="+s.URL())
	for _, name := range []string{
		"tiny-chain", "tiny-chain:latest", "TINY-chain:LATEST", "library/tiny-chain", " tiny-chain ", "tiny-chain:local",
		"registry.ollama.ai/library/tiny-chain", "https://registry.ollama.ai/library/tiny-chain:latest",
	} {
		for _, path := range []string{"/api/generate", "/api/chat", "/api/embed", "/api/embeddings", "/api/show", "/v1/completions"} {
			body := fmt.Sprintf(`{"model":%q,"prompt":"x","input":"x","stream":false,"messages":[{"role":"user","content":"x"}]}`, name)
			got := r.post(path, body)
			if got.status != 200 {
				t.Errorf("%s %q: %d %s", path, name, got.status, got.body)
			}
			if echo := fmt.Sprintf(`"model":%q`, name); path != "/api/show" && path != "/api/embeddings" && !strings.Contains(got.body, echo) {
				t.Errorf("%s: the answer does not say %s: %s", path, echo, got.body)
			}
		}
	}
	r.post("/api/chat", `{"model":"other.host/library/tiny-chain","messages":[{"role":"user","content":"x"}]}`).
		want(t, 404, `model 'other.host/library/tiny-chain' not found`)
}

// shapes are requests whose answers say the model's name, and whether they stream.
var shapes = []struct{ path, body string }{
	{"/api/generate", `{"model":"%s","prompt":"x"}`},
	{"/api/generate", `{"model":"%s","prompt":"x","stream":false}`},
	{"/api/chat", `{"model":"%s","messages":[{"role":"user","content":"x"}]}`},
	{"/api/chat", `{"model":"%s","messages":[{"role":"user","content":"x"}],"stream":false}`},
	{"/api/embed", `{"model":"%s","input":"x"}`},
	{"/v1/chat/completions", `{"model":"%s","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}`},
	{"/v1/chat/completions", `{"model":"%s","messages":[{"role":"user","content":"x"}]}`},
	{"/v1/completions", `{"model":"%s","prompt":"x","stream":true}`},
	{"/v1/completions", `{"model":"%s","prompt":"x"}`},
	{"/v1/embeddings", `{"model":"%s","input":"x"}`},
	{"/v1/responses", `{"model":"%s","input":"x","stream":true}`},
	{"/v1/responses", `{"model":"%s","input":"x"}`},
	{"/v1/messages", `{"model":"%s","messages":[{"role":"user","content":"x"}],"max_tokens":9,"stream":true}`},
	{"/v1/messages", `{"model":"%s","messages":[{"role":"user","content":"x"}],"max_tokens":9}`},
}

func TestAliasIsEchoedBackInStreamAndNot(t *testing.T) {
	s := ollama(t, with("deepseek-r1:14b"))
	r := start(t, "--proxy", "deepseek-r1:14b="+s.URL(), "--alias", "gpt-4o=deepseek-r1:14b")
	for _, shape := range shapes {
		got := r.post(shape.path, fmt.Sprintf(shape.body, "gpt-4o"))
		direct := ask(t, "POST", s.URL()+shape.path, fmt.Sprintf(shape.body, "deepseek-r1:14b"))
		if got.status != 200 || strings.Contains(got.body, "deepseek") {
			t.Errorf("%s: %d, the alias shows what it hides: %s", shape.path, got.status, got.body)
		}
		if a, b := strings.Count(got.body, `"model":"gpt-4o"`), strings.Count(direct.body, `"model":"deepseek-r1:14b"`); a != b || a == 0 {
			t.Errorf("%s: %d records say the alias, %d would say the model", shape.path, a, b)
		}
	}
	seen := s.Requests()
	if x := string(seen[len(seen)-2].Body); !strings.Contains(x, `"model":"deepseek-r1:14b"`) {
		t.Errorf("the server was asked for %s", x)
	}
}

func TestEmbeddingsGetTheServersOwnSpelling(t *testing.T) {
	s := ollama(t, with("Tiny-Embed:V1"))
	r := start(t, "--proxy", "tiny-embed:v1="+s.URL())
	r.post("/api/embeddings", `{"model":"TINY-EMBED:v1","prompt":"x"}`).want(t, 200, `"embedding":[`)
}

func TestZstdBodies(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL(), "--max-body", "1MiB")
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"messages":[{"role":"user","content":"x"}],"model":"tiny-chain","input":"x","prompt":"x","max_tokens":3}`
	packed := string(enc.EncodeAll([]byte(body), nil))
	for _, path := range []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages"} {
		r.ask("POST", path, packed, "Content-Encoding", "zstd").want(t, 200, "tiny-chain")
		if last := lastPost(s); string(last.Body) != body || last.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: the server got %q as %q", path, last.Body, last.Header.Get("Content-Encoding"))
		}
	}
	r.ask("POST", "/api/chat", packed, "Content-Encoding", "zstd").want(t, 400, "invalid character")
	r.ask("POST", "/v1/completions", "not zstd", "Content-Encoding", "zstd").want(t, 400, `{"error":"`)
	wide := start(t, "--proxy", "tiny-chain="+s.URL())
	large := string(enc.EncodeAll([]byte(`{"model":"tiny-chain","prompt":"`+strings.Repeat("a", 21<<20)+`"}`), nil))
	wide.ask("POST", "/v1/completions", large, "Content-Encoding", "zstd").want(t, 400, `{"error":"http: request body too large"}`)
	bomb := string(enc.EncodeAll([]byte(`{"model":"tiny-chain","prompt":"`+strings.Repeat("a", 2<<20)+`"}`), nil))
	r.ask("POST", "/v1/completions", bomb, "Content-Encoding", "zstd").want(t, 413, "larger than 1 MiB (max_body)")
}

func TestMultipartIsRoutedByItsModelFieldAndTheQueryWins(t *testing.T) {
	a, b := ollama(t, with("whisper")), ollama(t, with("other"))
	r := start(t, "--proxy", "whisper="+a.URL(), "--proxy", "other="+b.URL(), "--alias", "whisper-1=whisper")
	form, contentType := transcription(t, "whisper")
	aliased, aliasedType := transcription(t, "whisper-1")
	for _, c := range []struct {
		path, form, contentType string
		server                  *ollamatest.Server
		url                     string
	}{
		{"/v1/audio/transcriptions", form, contentType, a, "/v1/audio/transcriptions"},
		{"/v1/audio/transcriptions?model=other", form, contentType, b, "/v1/audio/transcriptions?model=other"},
		{"/v1/audio/transcriptions", aliased, aliasedType, a, "/v1/audio/transcriptions?model=whisper"},
		{"/v1/audio/transcriptions?model=whisper-1&x=1", form, contentType, a, "/v1/audio/transcriptions?model=whisper&model=whisper-1&x=1"},
	} {
		got := r.ask("POST", c.path, c.form, "Content-Type", c.contentType)
		got.want(t, 200, `"text"`)
		if strings.Contains(got.body, "error") || got.err != nil {
			t.Errorf("%s: %v %s", c.path, got.err, got.body)
		}
		if last := lastPost(c.server); last.URL != c.url || string(last.Body) != c.form {
			t.Errorf("%s became %s, the form unchanged: %v", c.path, last.URL, string(last.Body) == c.form)
		}
	}
	r.post("/v1/audio/transcriptions", "x").want(t, 400, "failed to parse multipart form: request Content-Type isn't multipart/form-data")
	unknown, unknownType := transcription(t, "nope")
	r.ask("POST", "/v1/audio/transcriptions", unknown, "Content-Type", unknownType).want(t, 404, "model 'nope' not found")
}

// transcription is a form with the sound in front of the model.
func transcription(t testing.TB, model string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", "a.wav")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, strings.Repeat("RIFF\r\n--", 50_000))
	if err := w.WriteField("model", model); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

func TestHeadersThatWouldBeRefusedOrLeakAreDropped(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	got := r.ask("POST", "/api/generate", `{"model":"tiny-chain"}`,
		"Authorization", "Bearer secret", "X-Api-Key", "secret", "Origin", "http://localhost:3000", "User-Agent", "GitHubCopilotChat/1",
		"Connection", "X-Hop", "X-Hop", "1", "X-Stays", "2", "X-Request-Id", "mine-7")
	got.want(t, 200, "done")
	last := lastPost(s)
	for _, gone := range []string{"Authorization", "X-Api-Key", "Origin", "X-Hop"} {
		if v := last.Header.Get(gone); v != "" {
			t.Errorf("%s: %s reached the server", gone, v)
		}
	}
	if last.Header.Get("User-Agent") != "GitHubCopilotChat/1" || last.Header.Get("X-Stays") != "2" || last.Header.Get("X-Request-Id") != "mine-7" {
		t.Errorf("the server got %v", last.Header)
	}
	if want := strings.TrimPrefix(s.URL(), "http://"); last.Host != want {
		t.Errorf("Host %s, want the server's %s", last.Host, want)
	}
	if got.header.Get("X-Request-Id") != "mine-7" || got.header.Get("X-Gollamas-Server") != s.URL() {
		t.Errorf("the answer carries %v", got.header)
	}
}

func TestALargeAnswerAndALargeRequestPassWhole(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	picture := strings.Repeat("iVBORw0KGgo+", 4<<20/12)
	body := `{"messages":[{"role":"user","content":"x","images":["` + picture + `"]}],"stream":false,"model":"tiny-chain"}`
	r.post("/api/chat", body).want(t, 200, "quick brown")
	if got := lastPost(s).Body; string(got) != body {
		t.Errorf("%d of %d bytes came through", len(got), len(body))
	}
	answer := `{"embeddings":[[` + strings.Repeat("0.123456,", 1<<20) + `1]]}`
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/embed", Status: 200, Body: answer, Header: http.Header{"Content-Type": {"application/json"}}})
	if got := r.post("/api/embed", `{"model":"tiny-chain","input":"x"}`); got.body != answer {
		t.Errorf("%d of %d bytes came back", len(got.body), len(answer))
	}
}

func TestH2CClientsAreServed(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	p := &http.Protocols{}
	p.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: p}}
	defer client.CloseIdleConnections()
	res, err := client.Post(r.url+"/api/chat", "application/json", strings.NewReader(`{"model":"tiny-chain","messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.ProtoMajor != 2 || !strings.Contains(string(body), `"done":true`) {
		t.Errorf("HTTP/%d %v %s", res.ProtoMajor, err, body)
	}
}
