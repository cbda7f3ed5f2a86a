package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

const chat = `{"model":"tiny-chain","messages":[{"role":"user","content":"x"}]}`

// two starts two servers of one model and gollamas in front.
func two(t *testing.T, o ollamatest.Options) (a, b *ollamatest.Server, r *running) {
	a, b = ollama(t, o), ollama(t, o)
	r = start(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--proxy", "tiny-chain=a", "--proxy", "tiny-chain=b")
	return a, b, r
}

func TestFailoverBeforeTheFirstByte(t *testing.T) {
	for _, c := range []struct {
		what  string
		fault ollamatest.Fault
	}{
		{"connection reset", ollamatest.Fault{Kind: ollamatest.Refuse}},
		{"queue full", ollamatest.Fault{Kind: ollamatest.Status, Status: 503, Body: `{"error":"server busy, please try again.  maximum pending requests exceeded"}`}},
		{"model gone", ollamatest.Fault{Kind: ollamatest.Status, Status: 404, Body: `{"error":"model 'tiny-chain' not found"}`}},
		{"load failed", ollamatest.Fault{Kind: ollamatest.DieLoading}},
		{"runner died", ollamatest.Fault{Kind: ollamatest.DieRunning}},
		{"a proxy's 502", ollamatest.Fault{Kind: ollamatest.Status, Status: 502, Body: "bad gateway"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			a, _, r := two(t, with("tiny-chain"))
			if c.fault.Kind != ollamatest.DieLoading {
				c.fault.Path = "/api/chat"
			}
			a.Fault(c.fault)
			got := r.post("/api/chat", chat)
			got.want(t, 200, `"done":true`)
			if id := got.header.Get("X-Gollamas-Server"); id != "b" {
				t.Errorf("answered by %q", id)
			}
			if x := r.exchange(1); len(x.Attempts) != 2 || x.Attempts[0].Server != "a" || x.Attempts[0].Err == "" || x.Err != "" {
				t.Errorf("%+v", x)
			}
		})
	}
}

func TestFailoverFromADeadServer(t *testing.T) {
	a, _, r := two(t, with("tiny-chain"))
	a.Stop()
	r.post("/api/chat", chat).want(t, 200, `"done":true`)
	if x := r.exchange(1); len(x.Attempts) > 2 || x.Server != "b" {
		t.Errorf("%+v", x)
	}
}

func TestNeverFailoverAfterTheFirstByte(t *testing.T) {
	a, b, r := two(t, with("tiny-chain"))
	a.Fault(ollamatest.Fault{Kind: ollamatest.Cut, Path: "/api/chat", After: 3})
	got := r.post("/api/chat", chat)
	if n := strings.Count(got.body, "\n"); got.err != nil || n != 4 || !strings.Contains(got.body, `{"error":"server a: its answer broke off`) {
		t.Errorf("%v, %d lines: %s", got.err, n, got.body)
	}
	if n := len(asked(b, "/api/chat")); n != 0 {
		t.Errorf("the second server was asked %d times", n)
	}
	if x := r.exchange(1); !strings.Contains(x.Err, "broke off") || x.Status != 200 || x.Gone {
		t.Errorf("the exchange says %+v", x)
	}
}

// asked are the requests for a path that a server got.
func asked(s *ollamatest.Server, path string) (out []ollamatest.Request) {
	for _, q := range s.Requests() {
		if q.URL == path {
			out = append(out, q)
		}
	}
	return out
}

func TestAnAnswerOfTheRequestIsNotRetried(t *testing.T) {
	a, b, r := two(t, with("tiny-chain"))
	a.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 400, Body: `{"error":"time: missing unit in duration \"30\""}`})
	r.post("/api/chat", chat).want(t, 400, "missing unit")
	if len(asked(b, "/api/chat")) != 0 {
		t.Error("a bad request went to another server")
	}
}

func TestAServers500ArrivesAsItIs(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	body := `{"model":"tiny-chain","prompt":"x","options":{"num_ctx":"a"}}`
	got, direct := r.post("/api/generate", body), ask(t, "POST", s.URL()+"/api/generate", body)
	if got.status != 500 || got.body != direct.body || got.header.Get("Content-Type") != direct.header.Get("Content-Type") {
		t.Errorf("got %d %v %s\nwant %s", got.status, got.header, got.body, direct.body)
	}
}

func TestWhereAllFailTheFirstAnswerStands(t *testing.T) {
	a, b, r := two(t, with("tiny-chain"))
	a.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 500, Body: `{"error":"the first"}`, Header: http.Header{"X-First": {"yes"}}})
	b.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 503, Body: `{"error":"the second"}`})
	got := r.post("/api/chat", chat)
	got.want(t, 500, `{"error":"the first"}`)
	if got.header.Get("X-First") != "yes" || got.header.Get("X-Gollamas-Server") != "a" {
		t.Errorf("header %v", got.header)
	}
	if n := len(asked(b, "/api/chat")); n != 1 {
		t.Errorf("after a 500 one more server is asked once, not %d times", n)
	}
}

func TestWhereNoServerAnswersTheErrorNamesThem(t *testing.T) {
	a, b, r := two(t, with("tiny-chain"))
	a.Stop()
	b.Stop()
	got := r.post("/v1/chat/completions", chat)
	got.want(t, 502, `{"error":{"message":"no server answered for model \"tiny-chain\": `)
	for _, part := range []string{"a: connection refused", "b: connection refused", `"type":"api_error"`} {
		if !strings.Contains(got.body, part) {
			t.Errorf("%s does not say %s", got.body, part)
		}
	}
	if strings.Contains(got.body+r.log.String(), strings.TrimPrefix(a.URL(), "http://")) {
		t.Errorf("a connection's address shows: %s\n%s", got.body, r.log)
	}
}

func TestOnesNotFoundDoesNotHideThatAnotherIsDown(t *testing.T) {
	a, b, r := two(t, with("tiny-chain"))
	a.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/show", Status: 404, Body: `{"error":"model 'tiny-chain' not found"}`})
	b.Fault(ollamatest.Fault{Kind: ollamatest.Refuse, Path: "/api/show"})
	r.post("/api/show", `{"model":"tiny-chain"}`).want(t, 502, `a: model 'tiny-chain' not found; b: connection`)
	r.exchange(1)
	if text := r.log.String(); !strings.Contains(text, `"failed":["a: model 'tiny-chain' not found","b: connection`) {
		t.Errorf("the log does not name both: %s", text)
	}
}

func TestAServerThatHasLostAModelIsLookedAtAgain(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL(), "--watch", "1h")
	s.Remove("tiny-chain")
	r.post("/api/chat", chat).want(t, 404, "not found")
	eventually(t, func() bool { return !strings.Contains(r.get("/api/tags").body, "tiny-chain") })
}

func TestAStreamWithALengthEndsHonestlyToo(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 200, Body: "{\"done\":false}\n",
		Header: http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Length": {"15"}}})
	got := r.post("/api/chat", chat)
	if want := "{\"done\":false}\n{\"error\":\"server s: its answer ended before it was complete\"}\n"; got.body != want || got.err != nil {
		t.Errorf("%v %q", got.err, got.body)
	}
}

func TestAnErrorRecordIsAnEventOfItsOwn(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	for cut, gap := range map[string]string{"data: {}\n\n": "", "data: {}\n": "\n", "data: {": "\n\n"} {
		clear := s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/v1/chat/completions", Status: 200, Body: cut, Header: http.Header{"Content-Type": {"text/event-stream"}}})
		got := r.post("/v1/chat/completions", `{"model":"tiny-chain","stream":true,"messages":[{"role":"user","content":"x"}]}`)
		if !strings.HasPrefix(got.body, cut+gap+"data: {\"error\":") {
			t.Errorf("%q became %q", cut, got.body)
		}
		clear()
	}
}

func TestAServersHeadersDoNotReplaceGollamasOwn(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/show", Status: 200, Body: "{}", Header: http.Header{
		"X-Request-Id": {"theirs"}, "Vary": {"Accept-Encoding"}, "Access-Control-Allow-Origin": {"*"}, "X-Gollamas-Server": {"theirs"}}})
	got := r.ask("POST", "/api/show", `{"model":"tiny-chain"}`, "X-Request-Id", "mine", "Origin", "http://localhost:1")
	for name, want := range map[string]string{"X-Request-Id": "mine", "Vary": "Origin|Accept-Encoding", "Access-Control-Allow-Origin": "http://localhost:1", "X-Gollamas-Server": "s"} {
		if v := strings.Join(got.header[name], "|"); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
}

func TestALongErrorStillHasATextInTheLog(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/show", Status: 500, Body: `{"error":"` + strings.Repeat("long ", 2000) + `"}`})
	r.post("/api/show", `{"model":"tiny-chain"}`).want(t, 500, "long long")
	if x := r.exchange(1); x.Err != "Internal Server Error" {
		t.Errorf("the exchange says %q", x.Err)
	}
}

func TestCutStreamsEndWithAnErrorInTheirDialect(t *testing.T) {
	for _, c := range []struct{ what, path, body, want string }{
		{"native generate", "/api/generate", `{"model":"tiny-chain","prompt":"x"}`, "\n{\"error\":\"server s: "},
		{"native chat", "/api/chat", chat, "\n{\"error\":\"server s: "},
		{"openai chat", "/v1/chat/completions", `{"model":"tiny-chain","stream":true,"messages":[{"role":"user","content":"x"}]}`, "\n\ndata: {\"error\":{\"message\":\"server s: "},
		{"openai completions", "/v1/completions", `{"model":"tiny-chain","stream":true,"prompt":"x"}`, "\n\ndata: {\"error\":{\"message\":\"server s: "},
		{"openai responses", "/v1/responses", `{"model":"tiny-chain","stream":true,"input":"x"}`, "\n\nevent: error\ndata: {\"type\":\"error\","},
		{"anthropic", "/v1/messages", `{"model":"tiny-chain","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]}`, "\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"server s: "},
	} {
		for kind, name := range map[ollamatest.FaultKind]string{ollamatest.Cut: "cut", ollamatest.SilentEnd: "ended in silence"} {
			t.Run(c.what+" "+name, func(t *testing.T) {
				s := ollama(t, with("tiny-chain"))
				r := start(t, "--connection", "s="+s.URL())
				r.post("/api/chat", chat).want(t, 200, "done") // it is loaded
				s.Fault(ollamatest.Fault{Kind: kind, Path: c.path, After: 5})
				got := r.post(c.path, c.body)
				if got.status != 200 || got.err != nil || !strings.Contains(got.body, c.want) {
					t.Errorf("%d %v %q\nwant %q in it", got.status, got.err, got.body, c.want)
				}
				if x := r.exchange(2); x.Err == "" || x.Gone {
					t.Errorf("the exchange says nothing of it: %+v", x)
				}
			})
		}
	}
}

func TestAServersOwnErrorRecordIsNotDoubled(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	s.Fault(ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: "/api/chat", After: 2})
	got := r.post("/api/chat", chat)
	if n := strings.Count(got.body, `{"error":`); n != 1 {
		t.Errorf("%d error records: %s", n, got.body)
	}
	if x := r.exchange(1); x.Err == "" {
		t.Error("the exchange does not say the server's error")
	}
}

func TestAHalfAnswerThatIsNoStreamBreaksOff(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	s.Fault(ollamatest.Fault{Kind: ollamatest.Cut, Path: "/api/show", After: 40})
	got := r.post("/api/show", `{"model":"tiny-chain"}`)
	if got.err == nil {
		t.Errorf("the client was told nothing: %d %s", got.status, got.body)
	}
	if x := r.exchange(1); !strings.Contains(x.Err, "broke off") {
		t.Errorf("the exchange says %+v", x)
	}
}

func TestChunkByChunk(t *testing.T) {
	step := make(chan string)
	server := rawServer(t, func(c net.Conn, _ *http.Request) {
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
		for record := range step {
			fmt.Fprintf(c, "%x\r\n%s\r\n", len(record), record)
		}
		fmt.Fprint(c, "0\r\n\r\n")
	})
	r := launch(t, "--proxy", "m="+server)
	c := dial(t, r.url)
	fmt.Fprintf(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}")
	in := bufio.NewReader(c)
	head := true
	for i := range 20 {
		record := fmt.Sprintf("{\"response\":\"%d\",\"done\":%v}\n", i, i == 19)
		step <- record // the server says no more until this has come through
		for head {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			head = line != "\r\n"
		}
		chunk := make([]byte, len(fmt.Sprintf("%x\r\n%s\r\n", len(record), record)))
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.ReadFull(in, chunk); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if want := fmt.Sprintf("%x\r\n%s\r\n", len(record), record); string(chunk) != want {
			t.Fatalf("chunk %q, want %q", chunk, want)
		}
	}
	close(step)
	if rest, _ := in.ReadString('\n'); rest != "0\r\n" {
		t.Errorf("the end is %q", rest)
	}
}

// rawServer answers every request with do, byte for byte, but for the lists, and for
// /api/generate, which is how a model is loaded there.
func rawServer(t *testing.T, do func(net.Conn, *http.Request)) (url string) {
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
				in := bufio.NewReader(c)
				for {
					q, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if q.Method == "GET" {
						return // the watch: this server is down to it
					}
					io.Copy(io.Discard, q.Body)
					if q.URL.Path == "/api/generate" {
						fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"done\":true}")
						continue
					}
					do(c, q)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
