package app

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// raw sends text on a connection of its own and returns what comes within a while.
func raw(t *testing.T, url, text string, within time.Duration) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	_, _ = io.WriteString(c, text)
	out, _ := io.ReadAll(c)
	return string(out)
}

func TestAttackHeldOddHeadersAndPathsWithoutAKey(t *testing.T) {
	s := ollama(t, with("m"))
	r := start(t, "--config", file(t, "connections: {s: '"+s.URL()+"'}\nmanage: true\nkeys: [{name: k, key: "+secretSome+"}]\n"))
	for _, fields := range []string{
		"", "Authorization: Bearer\r\n", "Authorization: Bearer \r\n", "Authorization: \r\nX-Api-Key: \r\n", "Authorization: Bearer " + secretSome + "\r\nAuthorization: Bearer x\r\n",
		"Authorization: Bearer " + secretSome + ", Bearer x\r\n", "Authorization: Bearer\t" + secretSome + "x\r\n", "X-Api-Key: x\r\nX-Api-Key: " + secretSome + "\r\n",
		"X-Api-Key: " + strings.Repeat("a", 500<<10) + "\r\n", "Authorization: Bearer " + strings.ToUpper(secretSome) + "\r\n", "X_Api_Key: " + secretSome + "\r\n", "Proxy-Authorization: Bearer " + secretSome + "\r\n",
		"X-Gollamas-Server: s\r\nX-Gollamas-Via: x\r\n", "X-Forwarded-For: 127.0.0.1\r\nX-Original-Url: /\r\n", "Cookie: x-api-key=" + secretSome + "\r\n", "X-Http-Method-Override: GET\r\n",
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
	} {
		for _, line := range []string{"GET /api/tags", "HEAD /api/tags", "GET /v1/models?x-api-key=" + secretSome, "GET /%61pi/tags", "POST /api/chat", "POST http://localhost/api/me", "POST /api/blobs/sha256:" + strings.Repeat("a", 64), "DELETE /api/delete", "GET /v1/models/a/b", "GET /api/status"} {
			got := raw(t, r.url, line+" HTTP/1.1\r\nHost: localhost\r\n"+fields+"Content-Length: 0\r\nConnection: close\r\n\r\n", 3*time.Second)
			if !strings.HasPrefix(got, "HTTP/1.1 401 ") && !strings.HasPrefix(got, "HTTP/1.1 400 ") && !strings.HasPrefix(got, "HTTP/1.1 431 ") {
				t.Errorf("%s with %.60q: %.120q", line, fields, got)
			}
		}
	}
	if got := raw(t, r.url, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", time.Second); strings.Contains(got, "200") {
		t.Errorf("h2c: %q", got)
	}
	for _, line := range []string{"OPTIONS /api/tags", "TRACE /api/tags", "CONNECT localhost:1", "PUT /api/chat", "get /api/tags", "GET //api/tags", "GET /api/tags/", "GET /api/./tags", "GET /api/tags%2f", "GET /v1/models/"} {
		got := raw(t, r.url, line+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 3*time.Second)
		t.Logf("%s: %.15q", line, got)
		if strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("%s: %.200q", line, got)
		}
	}
}

func TestAttackHeldNoBodyIsReadBefore401Or429(t *testing.T) {
	s := ollama(t, with("m"))
	r := start(t, "--config", file(t, "connections: {s: '"+s.URL()+"'}\nmanage: true\nkeys: [{name: k, key: "+secretSome+"}, {name: one, key: "+secretBoss+", requests_per_minute: 1}]\n"))
	ask(t, "POST", r.url+"/api/chat", chatOf("m"), "X-Api-Key", secretBoss).want(t, 200, "")
	for _, line := range []string{"POST /api/chat", "POST /api/blobs/sha256:" + strings.Repeat("a", 64), "POST /v1/audio/transcriptions"} {
		for field, want := range map[string]string{"": "401", "X-Api-Key: " + secretBoss + "\r\n": "429"} {
			got := raw(t, r.url, line+" HTTP/1.1\r\nHost: localhost\r\n"+field+"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n", time.Second)
			if strings.Contains(got, "100 Continue") || !strings.HasPrefix(got, "HTTP/1.1 "+want) {
				t.Errorf("%s %s: %.100q", line, want, got)
			}
		}
	}
}

func TestAttackHeldNoPlaceIsLost(t *testing.T) {
	o := with("m", "n")
	o.Pace = 5 * time.Millisecond
	s := ollama(t, o)
	r := start(t, "--max-body", "64KiB", "--config", file(t, "connections: {s: '"+s.URL()+"'}\nmanage: true\nkeys: [{name: one, key: "+secretBoss+", parallel: 1}]\n"))
	head := " HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: " + secretBoss + "\r\n"
	body := chatOf("m")
	for what, text := range map[string]string{
		"leaves while it uploads":     "POST /api/chat" + head + "Content-Length: 1000\r\n\r\n{\"model\":",
		"leaves while it is answered": "POST /api/chat" + head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body,
		"too large":                   "POST /api/chat" + head + "Content-Length: 99999999\r\n\r\n{",
		"no JSON":                     "POST /api/chat" + head + "Content-Length: 1\r\nConnection: close\r\n\r\nx",
		"bad chunks":                  "POST /api/chat" + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"a file cut short":            "POST /api/blobs/sha256:" + strings.Repeat("a", 64) + head + "Content-Length: 1000\r\n\r\nabc",
		"a pull that is left":         "POST /api/pull" + head + "Content-Length: 13\r\n\r\n{\"model\":\"q\"}",
		"an unload":                   "POST /api/generate" + head + "Content-Length: 28\r\n\r\n{\"model\":\"m\",\"keep_alive\":0}",
		"a bad blank in the path":     "POST /api/blobs/x" + head + "Content-Length: 0\r\nConnection: close\r\n\r\n",
		"two servers named":           "POST /api/show" + head + "X-Gollamas-Server: a\r\nX-Gollamas-Server: b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"zstd":                        "POST /v1/chat/completions" + head + "Content-Encoding: zstd\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd",
	} {
		for range 3 {
			raw(t, r.url, text, 30*time.Millisecond)
		}
		free := false
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until) && !free; time.Sleep(20 * time.Millisecond) {
			free = ask(t, "POST", r.url+"/api/show", `{"model":"m"}`, "X-Api-Key", secretBoss).status == 200
		}
		if !free {
			t.Errorf("%s: the place is lost", what)
		}
	}
}

func TestAttackHeldSecretsAreNowhere(t *testing.T) {
	s := ollama(t, with("m"))
	r := operated(t, "--level", "debug", "--config", file(t, "connections: {s: '"+s.URL()+"'}\nmanage: true\nkeys: [{name: 'a\"b{}=,x', key: "+secretSome+"}]\n"))
	for _, q := range everyEndpoint("m") {
		ask(t, q.method, r.url+q.path, q.body, "Authorization", "Bearer "+secretSome)
		ask(t, q.method, r.url+q.path, q.body, "X-Api-Key", secretSome+"x")
	}
	hash := "sha256"
	for _, path := range []string{"/metrics", "/api/state", "/api/rules", "/api/changes"} {
		got := r.op(path)
		if strings.Contains(got.body, secretSome) || path != "/metrics" && strings.Contains(got.body, hash) {
			t.Errorf("%s says it: %.300s", path, got.body)
		}
	}
	if strings.Contains(r.log.String(), secretSome) {
		t.Error("the log says it")
	}
	for _, q := range s.Requests() {
		if h := fmt.Sprint(q.Header, q.URL); strings.Contains(h, secretSome) {
			t.Errorf("a server got %s", h)
		}
	}
	if m := r.metrics(); len(m) == 0 {
		t.Error("no metrics")
	}
}
