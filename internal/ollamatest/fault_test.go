package ollamatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// asks is one streaming question in each dialect, and how many records its whole answer has.
var asks = []struct {
	path, body string
	records    int
	last       string // the end of a whole stream
	odd        bool   // a broken stream has a last chunk of nothing
}{
	{"/api/generate", `{"model":"a","prompt":"x"}`, 16, `}`, false},
	{"/api/chat", `{"model":"a","messages":[{"role":"user","content":"x"}]}`, 16, `}`, false},
	{"/v1/chat/completions", `{"model":"a","stream":true,"messages":[{"role":"user","content":"x"}]}`, 17, "data: [DONE]", true},
	{"/v1/completions", `{"model":"a","stream":true,"prompt":"x"}`, 17, "data: [DONE]", true},
	{"/v1/messages", `{"model":"a","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]}`, 20, `data: {"type":"message_stop"}`, false},
	{"/v1/responses", `{"model":"a","stream":true,"input":"x"}`, 23, `"type":"response.completed"}`, false},
}

// count is how many records a stream has.
func count(text string) int {
	if strings.HasPrefix(text, "{") {
		return strings.Count(text, "\n")
	}
	return strings.Count(text, "\n\n")
}

func faulty(t *testing.T, f Fault, test func(b *box)) {
	t.Helper()
	bubble(t, Options{Models: []Model{{Name: "a"}}, Load: time.Second}, func(b *box) {
		b.Fault(f)
		test(b)
	})
}

func TestStreamsAreWhole(t *testing.T) {
	for _, q := range asks {
		bubble(t, Options{Models: []Model{{Name: "a"}}}, func(b *box) {
			r := b.ok(b.post(q.path, q.body))
			if n := count(r.text); n != q.records || !strings.HasSuffix(strings.TrimSpace(r.text), q.last) {
				t.Errorf("%s: %d records: %s", q.path, n, r.text)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, q := range asks {
		for _, after := range []int{0, 3} {
			faulty(t, Fault{Kind: Cut, After: after}, func(b *box) {
				r := b.post(q.path, q.body)
				if r.status != 200 || !errors.Is(r.err, io.ErrUnexpectedEOF) || count(r.text) != after {
					t.Errorf("%s: status %d, %v after %q", q.path, r.status, r.err, r.text)
				}
			})
		}
	}
	faulty(t, Fault{Kind: Cut, After: 10}, func(b *box) {
		if r := b.post("/api/generate", generate("a", ``)); r.status != 200 || r.err == nil || len(r.text) != 10 {
			t.Errorf("status %d, %v after %q", r.status, r.err, r.text)
		}
	})
	faulty(t, Fault{Kind: Cut}, func(b *box) {
		if r := b.get("/api/tags"); r.err == nil {
			t.Errorf("status %d", r.status)
		}
	})
}

func TestSilentEnd(t *testing.T) {
	for _, q := range asks {
		for _, after := range []int{0, 3} {
			faulty(t, Fault{Kind: SilentEnd, After: after}, func(b *box) {
				r := b.ok(b.post(q.path, q.body))
				want := after
				if q.odd {
					want++
				}
				odd := strings.Contains(r.text, `"model":""`) && strings.Contains(r.text, `"finish_reason":null`)
				if count(r.text) != want || q.odd != odd || strings.Contains(r.text, q.last) && q.last != "}" {
					t.Errorf("%s: %s", q.path, r.text)
				}
			})
		}
	}
	faulty(t, Fault{Kind: SilentEnd, After: 2}, func(b *box) {
		if r := b.ok(b.post("/api/generate", generate("a", ``))); !strings.Contains(r.text, `"response":" the quick","done":false}`) {
			t.Errorf("native: %s", r.text)
		}
		r := b.ok(b.post("/v1/chat/completions", `{"model":"a","messages":[{"role":"user","content":"x"}]}`))
		if !strings.Contains(r.text, `"content":" the quick"},"finish_reason":null}]`) {
			t.Errorf("openai: %s", r.text)
		}
	})
}

func TestErrorRecord(t *testing.T) {
	const text = "an error was encountered while running the model: unexpected EOF"
	for _, kind := range []FaultKind{ErrorRecord, DieRunning} {
		for _, q := range asks {
			native := strings.HasPrefix(q.path, "/api")
			faulty(t, Fault{Kind: kind, After: 3}, func(b *box) {
				r := b.ok(b.post(q.path, q.body))
				if native && !strings.HasSuffix(r.text, "\n{\"error\":\""+text+"\"}\n") || !native && strings.Contains(r.text, text) {
					t.Errorf("%s: %s", q.path, r.text)
				}
				if strings.Contains(r.text, `"model":""`) != q.odd {
					t.Errorf("%s: %s", q.path, r.text)
				}
			})
			faulty(t, Fault{Kind: kind}, func(b *box) {
				r := b.post(q.path, q.body)
				want := text
				if kind == DieRunning {
					want = runnerStopped
				}
				if r.status != 500 || !strings.Contains(r.text, want) || r.header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: status %d %v: %s", q.path, r.status, r.header, r.text)
				}
			})
		}
	}
	faulty(t, Fault{Kind: ErrorRecord, After: 2, Path: "/api/pull", Body: "no such host"}, func(b *box) {
		r := b.ok(b.post("/api/pull", `{"model":"new"}`))
		if count(r.text) != 3 || !strings.HasSuffix(r.text, "{\"error\":\"no such host\"}\n") || b.library.find(parseName("new")) != nil {
			t.Errorf("pull: %s", r.text)
		}
		if r := b.post("/api/pull", `{"model":"new","stream":false}`); r.status != 500 || r.text != `{"error":"no such host"}` {
			t.Errorf("pull: status %d: %s", r.status, r.text)
		}
	})
}

func TestHang(t *testing.T) {
	for _, q := range asks {
		faulty(t, Fault{Kind: Hang}, func(b *box) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if r := b.postIn(ctx, q.path, q.body); !errors.Is(r.err, context.DeadlineExceeded) || r.status != 0 {
				t.Errorf("%s: status %d, %v", q.path, r.status, r.err)
			}
			synctest.Wait()
			if r := b.Requests()[0]; !r.Gone || string(r.Body) != q.body || b.InFlight() != 0 {
				t.Errorf("%s: %+v, %d in flight", q.path, r, b.InFlight())
			}
		})
		faulty(t, Fault{Kind: Hang, After: 2}, func(b *box) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			defer cancel()
			if r := b.postIn(ctx, q.path, q.body); !errors.Is(r.err, context.DeadlineExceeded) || count(r.text) != 2 {
				t.Errorf("%s: %v after %q", q.path, r.err, r.text)
			}
			synctest.Wait()
			if b.memory.list()[0].model == nil || b.InFlight() != 0 {
				t.Errorf("%s: %d in flight", q.path, b.InFlight())
			}
		})
	}
}

func TestStatus(t *testing.T) {
	f := Fault{Kind: Status, Path: "/api/tags", Status: 502, Body: "<html>", Header: http.Header{"content-type": {"text/html"}, "Retry-After": {"7"}}, Times: 2}
	faulty(t, f, func(b *box) {
		for range 2 {
			r := b.get("/api/tags")
			if r.status != 502 || r.text != "<html>" || r.header.Get("Content-Type") != "text/html" || r.header.Get("Retry-After") != "7" {
				t.Errorf("status %d %v: %s", r.status, r.header, r.text)
			}
			b.ok(b.get("/api/ps"))
		}
		b.ok(b.get("/api/tags"))
	})
}

func TestDieLoading(t *testing.T) {
	for version, want := range map[string]string{"0.24.0": "llama runner process has terminated: exit status 2", "0.33.0": "llama-server process has terminated: exit status 1: error loading model"} {
		bubble(t, Options{Version: version, Models: []Model{{Name: "a"}}, Load: time.Second}, func(b *box) {
			b.Fault(Fault{Kind: DieLoading, Times: 1})
			r := b.post("/api/generate", generate("a", ``))
			if r.status != 500 || r.text != `{"error":"`+want+`"}` || r.took != time.Second || b.loaded() != "" {
				t.Errorf("status %d after %v: %s", r.status, r.took, r.text)
			}
			b.ok(b.post("/api/generate", generate("a", ``)))
			if l := b.Loads(); len(l) != 2 || !l[0].Failed || l[1].Failed {
				t.Errorf("loads %+v", l)
			}
		})
	}
}

// A runner that died is loaded again by the next request, whatever it asks for.
func TestDeadRunner(t *testing.T) {
	faulty(t, Fault{Kind: DieRunning, After: 3, Times: 1}, func(b *box) {
		b.ok(b.post("/api/generate", `{"model":"a","prompt":"x"}`))
		if b.loaded() != "a" {
			t.Error("gone from ps before anybody noticed")
		}
		b.ok(b.post("/api/generate", generate("a", ``)))
		if l := b.Loads(); len(l) != 2 || l[1].Reload != "died" {
			t.Errorf("loads %+v", l)
		}
	})
}

func TestSlow(t *testing.T) {
	faulty(t, Fault{Kind: Slow, Model: "A:latest", Pace: time.Minute, Times: 1}, func(b *box) {
		if r := b.ok(b.post("/api/generate", `{"model":"a","prompt":"x"}`)); r.took != time.Second+15*time.Minute {
			t.Errorf("took %v", r.took)
		}
		if r := b.ok(b.post("/api/generate", `{"model":"a","prompt":"x"}`)); r.took != 0 {
			t.Errorf("took %v", r.took)
		}
	})
}

// A fault is for the model and path it names, until it is cleared; a poll does not use it up.
func TestFaultsChoose(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}, {Name: "b"}}}, func(b *box) {
		clear := b.Fault(Fault{Kind: DieRunning, Model: "b", Times: 1})
		b.Fault(Fault{Kind: Status, Model: "library/a", Path: "/v1/completions", Status: 418})
		b.ok(b.get("/api/ps"))
		b.ok(b.post("/api/generate", generate("a", ``)))
		if r := b.post("/v1/completions", `{"model":"A","prompt":"x"}`); r.status != 418 {
			t.Errorf("status %d", r.status)
		}
		if r := b.post("/v1/completions", `{"model":"a:other","prompt":"x"}`); r.status != 404 {
			t.Errorf("status %d", r.status)
		}
		if r := b.post("/api/generate", generate("b", ``)); r.status != 500 {
			t.Errorf("status %d", r.status)
		}
		b.ok(b.post("/api/generate", generate("b", ``)))
		clear()
	})
}

func TestRefuse(t *testing.T) {
	s, err := Start(Options{Models: []Model{{Name: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	clear := s.Fault(Fault{Kind: Refuse})
	body := bytes.Repeat([]byte("x"), 1<<20)
	_, err = http.Post(s.URL()+"/api/chat", "application/json", bytes.NewReader(body))
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("error %v", err)
	}
	if r := s.Requests()[0]; len(r.Body) != len(body) || r.Gone {
		t.Errorf("%d bytes, gone %v", len(r.Body), r.Gone)
	}
	clear()
	if _, err := http.Get(s.URL() + "/"); err != nil {
		t.Error(err)
	}
}

func TestStopAndRestart(t *testing.T) {
	s, err := Start(Options{Models: []Model{{Name: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	url := s.URL()
	get := func() error {
		res, err := http.Post(url+"/api/generate", "", strings.NewReader(`{"model":"a","keep_alive":-1}`))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != 200 {
			return fmt.Errorf("status %d", res.StatusCode)
		}
		return nil
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.Stop()
		if err := get(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("stopped: %v", err)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.memory.list()); n != 0 || s.URL() != url {
			t.Errorf("%d loaded at %s", n, s.URL())
		}
		if err := get(); err != nil {
			t.Error(err)
		}
	}
	s.Close()
	if s.Restart() == nil {
		t.Error("a closed server came back")
	}
}
