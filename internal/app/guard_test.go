package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A bad is a request that is not as it should be. Pieces come a second after one another.
type bad struct {
	what   string
	pieces []string
}

const (
	posted = "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	got    = "GET /api/tags HTTP/1.1\r\nHost: localhost\r\n"
	hidden = "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nX-Hidden: yes\r\nContent-Length: 2\r\n\r\n{}"
)

// declared is a body behind its length.
func declared(body string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// chunked is a body in one piece.
func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// drip is a text byte by byte, one a second.
func drip(text string) (out []string) {
	for _, b := range []byte(text) {
		out = append(out, string(b))
	}
	return out
}

// badRequests are what people try against proxies, and what goes wrong by itself.
func badRequests() []bad {
	body := about("m")
	te := "Transfer-Encoding: chunked\r\n"
	cl := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	one := func(what string, text ...string) bad { return bad{what, []string{strings.Join(text, "")}} }
	return []bad{
		one("nothing wrong with it", posted, declared(body)),
		one("nothing wrong with it, in chunks", posted, te, "\r\n", chunked(body)),
		one("Content-Length and Transfer-Encoding", posted, cl, te, "\r\n", chunked(body)),
		one("Content-Length: 0, Transfer-Encoding, and a request behind", posted, "Content-Length: 0\r\n", te, "\r\n", chunked(body), hidden),
		one("Content-Length that covers the chunks, Transfer-Encoding, a request among them", posted, "Content-Length: 200\r\n", te, "\r\n0\r\n\r\n", hidden),
		one("two Content-Lengths that differ", posted, cl, "Content-Length: 2\r\n\r\n", body),
		one("two Content-Lengths alike", posted, cl, cl, "\r\n", body),
		one("two in one Content-Length", posted, fmt.Sprintf("Content-Length: %d, %d\r\n\r\n", len(body), len(body)), body),
		one("Content-Length: +5", posted, "Content-Length: +5\r\n\r\n{}   "),
		one("Content-Length: -1", posted, "Content-Length: -1\r\n\r\n", body),
		one("Content-Length: 0x10", posted, "Content-Length: 0x10\r\n\r\n", body),
		one("Content-Length of 30 digits", posted, "Content-Length: 100000000000000000000000000000\r\n\r\n", body),
		one("Content-Length that is empty", posted, "Content-Length:\r\n\r\n", body),
		one("Transfer-Encoding: chunked, identity", posted, "Transfer-Encoding: chunked, identity\r\n\r\n", chunked(body)),
		one("Transfer-Encoding: xchunked", posted, "Transfer-Encoding: xchunked\r\n\r\n", chunked(body)),
		one("Transfer-Encoding twice", posted, te, te, "\r\n", chunked(body)),
		one("Transfer-Encoding with a vertical tab", posted, "Transfer-Encoding: \x0bchunked\r\n\r\n", chunked(body)),
		one("Transfer-Encoding: CHUNKED", posted, "Transfer-Encoding: CHUNKED\r\n\r\n", chunked(body)),
		one("chunk size that is negative", posted, te, "\r\n-1\r\n", body),
		one("chunk size with a sign", posted, te, "\r\n+2\r\n{}\r\n0\r\n\r\n"),
		one("chunk size of 17 digits", posted, te, "\r\n10000000000000002\r\n{}\r\n0\r\n\r\n"),
		one("chunk size with 0x", posted, te, "\r\n0x2\r\n{}\r\n0\r\n\r\n"),
		one("chunk size that is empty", posted, te, "\r\n\r\n{}\r\n0\r\n\r\n"),
		one("chunk without CRLF behind", posted, te, "\r\n2\r\n{}0\r\n\r\n"),
		one("chunk longer than it says", posted, te, "\r\n2\r\n{}xx\r\n0\r\n\r\n"),
		one("chunk lines that end with a bare LF", posted, te, "\r\n", strings.ReplaceAll(chunked(body), "\r\n", "\n")),
		one("chunk extension of 1 MiB", posted, te, "\r\n2;x=", strings.Repeat("y", 1<<20), "\r\n{}\r\n0\r\n\r\n"),
		one("a chunk a byte, each with an extension of 100", posted, te, "\r\n", strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\n \r\n", 2000), chunked(body)),
		one("a trailer that would be framing", posted, te, "Trailer: Content-Length\r\n\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\nHost: evil\r\n\r\n", len(body), body)),
		one("a trailer that would be a key", posted, te, "\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\nAuthorization: Bearer x\r\n\r\n", len(body), body)),
		one("trailers of 1 MiB", posted, te, "\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(body), body), strings.Repeat("X-A: "+strings.Repeat("y", 1000)+"\r\n", 1100), "\r\n"),
		one("a line folded (obs-fold)", posted, "X-A: b\r\n c\r\n", declared(body)),
		one("Content-Length folded", posted, fmt.Sprintf("Content-Length:\r\n %d\r\n\r\n", len(body)), body),
		one("first header line folded", "POST /api/chat HTTP/1.1\r\n Host: localhost\r\n", declared(body)),
		one("NUL in a value", posted, "X-A: b\x00c\r\n", declared(body)),
		one("NUL in a name", posted, "X-\x00A: b\r\n", declared(body)),
		one("CR in a value", posted, "X-A: b\rX-B: c\r\n", declared(body)),
		one("a blank before the colon", posted, "Content-Length : 2\r\n", declared(body)),
		one("a name that is empty", posted, ": x\r\n", declared(body)),
		one("a line without a colon", posted, "X-A\r\n", declared(body)),
		one("a name with an underscore for a dash", posted, "Content_Length: 3\r\n", declared(body)),
		one("two Hosts", posted, "Host: evil.example\r\n", declared(body)),
		one("no Host", "POST /api/chat HTTP/1.1\r\n", declared(body)),
		one("a Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
		one("a Host that is a path", "GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n"),
		one("a whole URL of another host", "POST http://evil.example/api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n", declared(body)),
		one("HTTP/0.9", "GET /\r\n\r\n"),
		one("HTTP/1.0", "POST /api/chat HTTP/1.0\r\nContent-Type: application/json\r\n", declared(body)),
		one("HTTP/1.0 in chunks", "POST /api/chat HTTP/1.0\r\nContent-Type: application/json\r\n", te, "\r\n", chunked(body)),
		one("http/1.1 in small letters", "POST /api/chat http/1.1\r\nHost: localhost\r\n", declared(body)),
		one("HTTP/1.2", "GET /api/tags HTTP/1.2\r\nHost: localhost\r\n\r\n"),
		one("HTTP/3.0", "GET /api/tags HTTP/3.0\r\nHost: localhost\r\n\r\n"),
		one("HTTP/1.1 and more behind", "GET /api/tags HTTP/1.1 x\r\nHost: localhost\r\n\r\n"),
		one("lines that end with a bare LF", strings.ReplaceAll(posted+declared(body), "\r\n", "\n")),
		one("lines that end with a bare CR", strings.ReplaceAll(posted+declared(body), "\r\n", "\r")),
		one("a path with a blank", "GET /api/tags x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("a path with a NUL", "GET /api/\x00tags HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("a path that is encoded", "GET /api%2ftags HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("a path with a line break that is encoded", "GET /api/tags%0d%0aX-A:%20b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("a path that goes up", "GET /v1/../api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("a method that is none", "PO ST /api/chat HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("a method nobody has", "FETCH /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"),
		one("TRACE", "TRACE /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("Upgrade: h2c, and a request behind", posted, "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", declared(body), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		one("Upgrade: websocket", got, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
		one("Connection: Content-Length", posted, "Connection: Content-Length\r\n", declared(body)),
		one("Expect: something", posted, "Expect: 200-ok\r\n", declared(body)),
		one("a request in a body of declared length", posted, declared(body+hidden)),
		one("a request in a GET's body", got, declared(hidden)),
		one("a body shorter than declared, and the end", posted, "Content-Length: 500\r\n\r\n", body),
		one("a request line of 1 MiB", "GET /", strings.Repeat("a", 1<<20), " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		one("10,000 header lines", posted, strings.Repeat("X-A: b\r\n", 10_000), declared(body)),
		one("100,000 header lines", posted, strings.Repeat("X-A: b\r\n", 100_000), declared(body)),
		one("a header of 1 MiB", posted, "X-A: ", strings.Repeat("b", 1<<20), "\r\n", declared(body)),
		one("a body that says it is gzip", posted, "Content-Encoding: gzip\r\n", declared(body)),
		one("empty lines in front", "\r\n\r\n", posted, declared(body)),
		one("a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
		one("noise", "\x00\x01\x02\xff\xfe\r\n\r\n"),
		{"a header that drips, a byte a second", drip(posted)},
		{"a header that stops", []string{posted}},
		{"a body that drips, a byte each half minute, and stops", slices.Concat([]string{posted + "Content-Length: 400\r\n\r\n"}, slices.Repeat([]string{" ", ""}, 2))},
		{"a body that stops", []string{posted + "Content-Length: 400\r\n\r\n{"}},
		{"a body that nobody reads and that does not come", []string{got + "Content-Length: 400\r\n\r\n"}},
		{"a body for no path that does not come", []string{"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400\r\n\r\n"}},
		{"a chunk size that stops", []string{posted + te + "\r\n4"}},
	}
}

// An overheard is what a server was sent, connection by connection.
type overheard struct {
	mu  sync.Mutex
	raw map[*line][]byte
}

func (o *overheard) note(on *line, sent []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw[on] = append(o.raw[on], sent...)
}

// take is what clients' requests looked like at the server, and an error where anything was not as HTTP has it.
func (o *overheard) take() (all []string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, raw := range o.raw {
		for len(raw) > 0 && err == nil {
			var seen string
			if seen, raw, err = strictly(raw); seen != "" {
				all = append(all, seen)
			}
		}
	}
	clear(o.raw)
	return all, err
}

var (
	requestLine = regexp.MustCompile(`^(GET|POST|DELETE|HEAD) /[!-~]* HTTP/1\.1$`)
	headerLine  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~]*$")
)

// strictly reads one request as the strictest server would. What gollamas asks of its own accord is "".
func strictly(raw []byte) (seen string, rest []byte, err error) {
	head, rest, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	if !ok || !requestLine.MatchString(lines[0]) {
		return "", nil, fmt.Errorf("no request line: %.200q", raw)
	}
	count := map[string]int{}
	length, client := 0, false
	for _, l := range lines[1:] {
		if !headerLine.MatchString(l) {
			return "", nil, fmt.Errorf("no header line: %.200q", l)
		}
		name, value, _ := strings.Cut(l, ": ")
		name = strings.ToLower(name)
		count[name]++
		client = client || name == "x-request-id"
		if name == "content-length" {
			length, err = strconv.Atoi(value)
		}
	}
	for _, never := range []string{"transfer-encoding", "upgrade", "trailer", "te", "http2-settings", "expect", "x-hidden"} {
		if count[never] > 0 {
			return "", nil, fmt.Errorf("it has %s: %q", never, head)
		}
	}
	if count["host"] != 1 || count["content-length"] > 1 || err != nil || length > len(rest) || length < 0 {
		return "", nil, fmt.Errorf("%d Hosts, %d lengths (%d of %d there): %q", count["host"], count["content-length"], length, len(rest), head)
	}
	if client {
		seen = fmt.Sprintf("%s, %d bytes", strings.TrimSuffix(lines[0], " HTTP/1.1"), length)
	}
	return seen, rest[length:], nil
}

// try sends the pieces and returns what was answered, until the connection ends.
func (w *world) try(b bad) string {
	w.t.Helper()
	c, err := w.door.Dial(w.t.Context(), "tcp", "localhost:80")
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, p := range b.pieces {
			if i > 0 {
				time.Sleep(time.Second)
			}
			if p == "" {
				time.Sleep(30 * time.Second)
			}
			if _, err := io.WriteString(c, p); err != nil {
				return
			}
		}
	})
	text := answersOn(c, began)
	c.Close()
	wg.Wait()
	return text
}

// answersOn reads answers until the connection ends, as it does after three minutes in which nothing comes. It says when
// that was, where it was not at once or then.
func answersOn(c net.Conn, began time.Time) string {
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	in := bufio.NewReader(c)
	var all []string
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			break
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		first, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		said := fmt.Sprint(res.StatusCode)
		if res.StatusCode >= 400 {
			said = strings.TrimSpace(said + " " + strings.TrimPrefix(strings.TrimPrefix(first, res.Status), ": "))
		}
		if err != nil {
			said += " (cut)"
		}
		if at := time.Since(began).Round(time.Second); at > 0 {
			said += fmt.Sprintf(" after %s", at)
		}
		all = append(all, said)
	}
	switch at := time.Since(began).Round(time.Second); {
	case at > idleClient+2*time.Second:
		all = append(all, "never closed")
	case at < idleClient && at > 0:
		all = append(all, fmt.Sprintf("closed after %s", at))
	case at == 0:
		all = append(all, "closed")
	}
	return strings.Join(all, ", then ")
}

// TestBadRequestsAreRefusedAndNeverChangeShape keeps its table in testdata/bad-requests.md: GOLLAMAS_GOLDEN=1 writes it.
func TestBadRequestsAreRefusedAndNeverChangeShape(t *testing.T) {
	golden, err := filepath.Abs("testdata/bad-requests.md")
	if err != nil {
		t.Fatal(err)
	}
	pretend(t, "watch: 5h\n"+onlyA, both(with("m")), func(t *testing.T, w *world) {
		heard := &overheard{raw: map[*line][]byte{}}
		w.boxes["a"].tap = heard.note
		for _, l := range w.boxes["a"].connected() { // the watch has one of its own
			l.Conn.Close()
		}
		var table strings.Builder
		table.WriteString("| what | answer | reached a server |\n| --- | --- | --- |\n")
		for _, b := range badRequests() {
			answer := w.try(b)
			synctest.Wait()
			reached, err := heard.take()
			if err != nil {
				t.Errorf("%s: a server was sent what is no request: %v", b.what, err)
			}
			if len(reached) > 1 {
				t.Errorf("%s: a server was sent %q", b.what, reached)
			}
			fmt.Fprintf(&table, "| %s | %s | %s |\n", b.what, strings.ReplaceAll(answer, "|", "\\|"), strings.Join(append(reached, "no")[:1], ""))
		}
		t.Log("\n" + table.String())
		if os.Getenv("GOLLAMAS_GOLDEN") != "" {
			write(t, golden, table.String())
		}
		if want, err := os.ReadFile(golden); err != nil || string(want) != table.String() {
			t.Errorf("it is not as testdata/bad-requests.md has it (%v):\n%s", err, table.String())
		}
		w.talk("m", "a")
	})
}

func TestAHugeHeaderIsRefused(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	if got := r.ask("GET", "/api/tags", "", "X-A", strings.Repeat("b", 512<<10)); got.status != 431 {
		t.Errorf("%d %v", got.status, got.err)
	}
	r.ask("GET", "/api/tags", "", "X-A", strings.Repeat("b", 128<<10)).want(t, 200, "tiny-chain")
}

func TestAClientThatDripsItsHeaderIsCut(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL(), "--read-header", "200ms")
	c, err := net.Dial("tcp", r.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	for err == nil && time.Since(began) < 10*time.Second { // until it is told that it was cut
		_, err = io.WriteString(c, "G")
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(began); err == nil || took < 150*time.Millisecond || took > 5*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	r.get("/api/tags").want(t, 200, "tiny-chain")
}
