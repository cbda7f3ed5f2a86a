package app

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// says is a server that answers every request about changes with these bytes, and holds the connection.
func says(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 64<<10)
				n, _ := c.Read(b)
				reply := answer
				const models = `{"models":[{"name":"m:latest","model":"m:latest","digest":"aaaaaaaaaaaaaaa"}]}`
				switch request := string(b[:n]); {
				case strings.HasPrefix(request, "GET /api/version"):
					reply = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"version\":\"0.24.0\"}"
				case strings.HasPrefix(request, "GET "):
					reply = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(models), models)
				case strings.HasPrefix(request, "HEAD "):
					reply = "HTTP/1.1 404 Not Found\r\n\r\n"
				}
				_, _ = c.Write([]byte(reply))
				_, _ = c.Read(b) // until the other side has enough
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestWhatNoOllamaAnswersIsNotToldAsDoneAndHoldsNobody(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		pull   int
	}{
		"another protocol":         {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n", 502},
		"half of a file":           {"HTTP/1.1 206 Partial Content\r\nContent-Length: 0\r\n\r\n", 502},
		"an error that is a 200":   {"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"error\":\"no\"}", 500},
		"an answer without an end": {"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n{\"error\":\"no\"}", 400},
		"a page":                   {"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>no</p>", 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, "--manage", "--connection", "a="+says(t, c.answer), "--proxy", "m=a", "--proxy", "n=a")
			began := time.Now()
			got := r.post("/api/pull", `{"model":"m","stream":false}`)
			if !strings.HasPrefix(got.body, `{"error":`) || got.status < 400 || strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
				t.Errorf("pull: %d %v %s, want %d", got.status, got.header, got.body, c.pull)
			}
			if name != "an answer without an end" { // there a copy waits as long as Ollama may take for one
				if got := r.post("/api/copy", `{"source":"m","destination":"n"}`); got.status < 400 || got.err != nil {
					t.Errorf("copy: %d %s %v", got.status, got.body, got.err)
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("after %s", took)
			}
		})
	}
}

func TestAPullThatIsOverIsNotHeldByItsConnection(t *testing.T) {
	t.Parallel()
	r := start(t, "--connection", "a="+says(t, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"status\":\"success\"}\n"), "--proxy", "m=a")
	began := time.Now()
	r.post("/api/pull", `{"model":"m"}`).want(t, 200, `{"status":"success"}`)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("after %s", took)
	}
}

func TestAFileThatIsTakenBeforeItHasComeIsNotStored(t *testing.T) {
	r := start(t, "--manage", "--connection", "a="+says(t, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"), "--proxy", "m=a")
	b := newBlob(64 << 20)
	got := r.post("/api/blobs/"+b.digest, string(b.bytes))
	if got.status < 400 && got.err == nil {
		t.Errorf("%d %v", got.status, got.header)
	}
}

func TestAFieldThatNamesNoServerIsRefused(t *testing.T) {
	x := newQuartet(t, with("exact"), with("exact"), with())
	for _, value := range []string{"", " "} {
		x.ask("DELETE", "/api/delete", `{"model":"exact"}`, "X-Gollamas-Server", value).want(t, 400, "names one server, or is left out")
	}
	if at := x.got("/api/delete"); at != "" {
		t.Errorf("it reached %s", at)
	}
}

func TestPullsOfMadeUpNamesDoNotKeepOthersOut(t *testing.T) {
	slow := with()
	slow.Pace = time.Minute
	pretend(t, "connections: {a: 'http://a.localhost'}\nmodels: {'*': a, m: a}\n", map[string]ollamatest.Options{"a": slow}, func(t *testing.T, w *world) {
		for i := range 32 {
			w.impatient("/api/pull", fmt.Sprintf(`{"model":"x%d"}`, i), 3*time.Second)
		}
		wait(10 * time.Second)
		w.post("/api/pull", `{"model":"y"}`).want(t, 503, "32 pulls under way")
		w.post("/api/pull", `{"model":"m"}`).want(t, 200, `{"status":"success"}`)
	})
}

func TestTwoGollamasInARingDoNotWaitForEachOther(t *testing.T) {
	var at [2]string
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = l.Addr().String()
		l.Close()
	}
	x := launch(t, "--listen", at[0], "--connection", "other=http://"+at[1], "--proxy", "m=other")
	y := launch(t, "--listen", at[1], "--connection", "other=http://"+at[0], "--proxy", "m=other")
	done := make(chan reply, 2)
	for _, r := range []*running{x, y} {
		go func() { done <- r.post("/api/pull", `{"model":"m","stream":false}`) }()
	}
	for range 2 {
		select {
		case got := <-done:
			if got.status < 400 {
				t.Errorf("%d %s", got.status, got.body)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("they wait for each other")
		}
	}
}
