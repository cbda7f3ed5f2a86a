package ollamatest

import (
	"errors"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

func TestZstd(t *testing.T) {
	o := Options{Models: []Model{{Name: "a"}}, Zstd: func(b []byte) ([]byte, error) {
		if text, ok := strings.CutPrefix(string(b), "packed:"); ok {
			return []byte(text), nil
		}
		if string(b) == "bomb" {
			return make([]byte, longestZstd+1), nil
		}
		return nil, errors.New("invalid input: magic number mismatch")
	}}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	zstd := map[string]string{"Content-Encoding": "zstd"}
	for _, tt := range []struct {
		path, body string
		status     int
		text       string
	}{
		{"/v1/completions", `packed:{"model":"a","prompt":"x"}`, 200, `"model":"a"`},
		{"/v1/completions", `{"model":"a"}`, 400, `{"error":"invalid input: magic number mismatch"}`},
		{"/v1/responses", `bomb`, 400, `{"error":"http: request body too large"}`},
		{"/api/generate", `packed:{"model":"a"}`, 400, `{"error":"invalid character 'p' looking for beginning of value"}`},
	} {
		a := s.ask(t, exchange{method: "POST", path: tt.path, body: tt.body, header: zstd})
		if a.status != tt.status || !strings.Contains(a.text, tt.text) {
			t.Errorf("%s %s: status %d: %s", tt.path, tt.body, a.status, a.text)
		}
	}
	if got := string(s.Requests()[0].Body); !strings.HasPrefix(got, "packed:") {
		t.Errorf("the body on record is not as it was received: %s", got)
	}
}

func TestTranscriptions(t *testing.T) {
	s, err := Start(Options{Models: []Model{{Name: "a", Words: []string{" the", " quick", " brown", " fox"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	form := func(fields ...string) exchange {
		var body strings.Builder
		w := multipart.NewWriter(&body)
		for i := 0; i < len(fields); i += 2 {
			w.WriteField(fields[i], fields[i+1])
		}
		f, _ := w.CreateFormFile("file", "x.wav")
		f.Write([]byte("RIFF"))
		w.Close()
		return exchange{method: "POST", path: "/v1/audio/transcriptions", body: body.String(), header: map[string]string{"Content-Type": w.FormDataContentType()}}
	}
	a := s.ask(t, form("model", "a"))
	if a.text != "{\"text\":\"the quick brown fox\"}\n" || a.header.Get("Content-Type") != ndjson || a.header.Get("Transfer-Encoding") != "chunked" {
		t.Errorf("%v: %q", a.header, a.text)
	}
	if a := s.ask(t, form("model", "a", "response_format", "text")); a.text != "the quick brown fox" {
		t.Errorf("%q", a.text)
	}
	q := form("model", "a")
	q.path += "?model=nope"
	if a := s.ask(t, q); a.status != 404 || !strings.Contains(a.text, "model 'nope' not found") {
		t.Errorf("status %d: %s", a.status, a.text)
	}
	s.Fault(Fault{Kind: Status, Model: "a", Status: 418, Times: 1})
	if a := s.ask(t, form("model", "a")); a.status != 418 {
		t.Errorf("status %d", a.status)
	}
}

func TestPreflight(t *testing.T) {
	s := New(Options{Origins: []string{"https://chat.example"}})
	defer s.Close()
	want, err := os.ReadFile("testdata/preflight.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		method, host, origin, path string
		status                     int
	}{
		{"OPTIONS", "127.0.0.1", "https://chat.example", "/api/chat", 204},
		{"OPTIONS", "127.0.0.1", "https://evil.example", "/api/chat", 403},
		{"OPTIONS", "127.0.0.1", "", "/api/chat", 405},
		{"OPTIONS", "localhost", "", "/api/chat", 204}, // a name instead of an address: the host check answers
		{"OPTIONS", "foo.local", "", "/nope", 204},
		{"GET", "127.0.0.1", "https://evil.example", "/nope", 403},
		{"GET", "evil.example", "", "/api/tags/", 301}, // the redirect comes before the checks
		{"GET", "evil.example", "", "/nope", 403},
		{"GET", "100.64.0.1", "", "/", 403},
		{"GET", "[::1]:11434", "", "/", 200},
	} {
		w := &recording{header: http.Header{}}
		r, _ := http.NewRequest(tt.method, "http://"+tt.host+tt.path, nil)
		r.Body = http.NoBody
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		s.ServeHTTP(w, r)
		if w.status != tt.status {
			t.Errorf("%+v: status %d", tt, w.status)
		}
		if tt.status == 204 && tt.origin != "" {
			var b strings.Builder
			w.header.Write(&b)
			if got := strings.ReplaceAll(b.String(), "\r", ""); got != string(want) {
				t.Errorf("preflight:\n%s", got)
			}
		}
	}
}

type recording struct {
	header http.Header
	status int
	text   strings.Builder
}

func (r *recording) Header() http.Header { return r.header }
func (r *recording) WriteHeader(code int) {
	if r.status == 0 {
		r.status = code
	}
}
func (r *recording) Write(b []byte) (int, error) { r.WriteHeader(200); return r.text.Write(b) }

// Remember keeps long benchmarks from filling memory.
func TestRemember(t *testing.T) {
	for limit, want := range map[int]int{0: 25, 10: 10, -1: 0} {
		bubble(t, Options{Remember: limit, Models: []Model{{Name: "a"}}}, func(b *box) {
			for range 25 {
				b.ok(b.post("/api/generate", `{"model":"a"}`))
				time.Sleep(time.Second)
			}
			list := b.Requests()
			if len(list) != want || want > 0 && time.Since(list[len(list)-1].At) != time.Second {
				t.Errorf("limit %d: %d requests", limit, len(list))
			}
			b.Reset()
			if len(b.Requests()) != 0 || len(b.Loads()) != 0 {
				t.Error("not forgotten")
			}
		})
	}
}
