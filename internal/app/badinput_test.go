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
)

func TestBadBodiesGetAClearError(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL(), "--max-body", "64KiB")
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/api/chat", "", 400, `{"error":"missing request body"}`},
		{"/v1/chat/completions", "", 400, `{"error":{"message":"EOF","type":"invalid_request_error","param":null,"code":null}}`},
		{"/v1/messages", "", 400, `{"type":"error","error":{"type":"invalid_request_error","message":"EOF"}`},
		{"/api/chat", "{bad", 400, `{"error":"invalid character 'b' looking for beginning of object key string"}`},
		{"/api/chat", `{"model":"tiny-chain"`, 400, `{"error":"unexpected EOF"}`},
		{"/api/chat", `{"model":"nope","x":tru}`, 400, `{"error":"invalid character '}' in literal true (expecting 'e')"}`},
		{"/api/chat", "[]", 400, `{"error":"json: cannot unmarshal array into Go value of type api.ChatRequest"}`},
		{"/v1/messages", `"x"`, 400, "json: cannot unmarshal string into Go value of type anthropic.MessagesRequest"},
		{"/api/chat", `{"model":5}`, 400, `{"error":"json: cannot unmarshal number into Go struct field ChatRequest.model of type string"}`},
		{"/api/chat", "\ufeff" + chat, 400, "invalid character"},
		{"/api/chat", `{"model":"bad name!"}`, 400, `{"error":"invalid model name"}`},
		{"/api/generate", `{}`, 404, `{"error":"model '' not found"}`},
		{"/api/chat", `{"model":"` + strings.Repeat("a", 70<<10) + `"}`, 413, `{"error":"the request's body is larger than 64 KiB (max_body)"}`},
		{"/v1/messages", `{"model":"` + strings.Repeat("a", 70<<10) + `"}`, 413, `{"type":"error","error":{"type":"api_error","message":"the request's body is larger`},
		{"/nowhere", "", 404, "404 page not found"},
		{"/api/../api/chat", chat, 307, ""},
	} {
		got := r.post(c.path, c.body)
		if got.status != c.status || !strings.Contains(got.body, c.want) {
			t.Errorf("%s %.60q: %d %s\nwant %d %s", c.path, c.body, got.status, got.body, c.status, c.want)
		}
	}
	if n := len(asked(s, "/api/chat")); n != 0 {
		t.Errorf("%d bad requests reached the server", n)
	}
}

func TestABodyOfAGigabyteIsRefusedUnread(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	c := dial(t, r.url)
	fmt.Fprintf(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n{", 1<<30)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 413 || !strings.Contains(string(body), "larger than 512 MiB (max_body)") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestAGigabyteWithoutALengthIsCutOff(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL(), "--max-body", "1MiB")
	c := dial(t, r.url)
	fmt.Fprint(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
	go func() {
		chunk := fmt.Sprintf("10000\r\n%s\r\n", strings.Repeat("a", 0x10000))
		for range 1 << 14 {
			if _, err := io.WriteString(c, chunk); err != nil {
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 413 {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestABodyOfOneFieldAMillionTimesIsRefused(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	r.post("/api/chat", "{"+strings.Repeat(`"model":null,`, 1<<20)+`"model":"tiny-chain"}`).want(t, 400, `{"error":"one field stands in the request more than 64 times"}`)
}

func TestAHeaderFloodIsRefused(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL())
	c := dial(t, r.url)
	go func() {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: localhost\r\n")
		for i := range 100_000 {
			if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("a", 100)); err != nil {
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v %v", res, err)
	}
}

func TestAClientThatIsSlowWithItsHeaderIsCut(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--proxy", "tiny-chain="+s.URL(), "--read-header", "200ms")
	c := dial(t, r.url)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: ")
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := io.ReadAll(c)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Errorf("it was never cut: %s", answer)
	}
}

func TestTheLogHasALineForEachExchangeAndNeverAPrompt(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "main="+s.URL(), "--proxy", "tiny-chain=main", "--alias", "gpt=tiny-chain")
	r.ask("POST", "/api/chat", `{"model":"gpt","messages":[{"role":"user","content":"the secret prompt"}]}`, "X-Request-Id", "r-1").want(t, 200, "done")
	r.post("/api/chat", `{"model":"nope","messages":[{"role":"user","content":"the secret prompt"}]}`).want(t, 404, "nope")
	r.exchange(2)
	text := r.log.String()
	for _, part := range []string{
		`"msg":"request","id":"r-1","client":"127.0.0.1:`, `"endpoint":"POST /api/chat","status":200,"total":`, `"model":"gpt","sent":"tiny-chain","server":"main","attempts":1,"load":"started",`, `"first_byte":`,
		`"prompt_tokens":`, `"answer_tokens":16`, `"bytes_out":`, `"msg":"listening"`, `"msg":"route","model":"tiny-chain","aliases":["gpt"],"servers":["main"]`,
		`"status":404`, `"error":"model 'nope' not found"`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("the log lacks %s:\n%s", part, text)
		}
	}
	for _, secret := range []string{"secret prompt", strings.TrimPrefix(s.URL(), "http://")} {
		if strings.Contains(text, secret) {
			t.Errorf("the log says %q:\n%s", secret, text)
		}
	}
}
