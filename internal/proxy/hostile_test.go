package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gollamas/internal/fleet"
)

// tlsServer is a server like those of lines, behind TLS.
func tlsServer(t *testing.T, do func(c net.Conn, q *http.Request, n int) bool) *fleet.Server {
	t.Helper()
	plain := lines(t, do)
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(borrowed.Close)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: borrowed.TLS.Certificates})
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
			back, err := net.Dial("tcp", strings.TrimPrefix(plain, "http://"))
			if err != nil {
				c.Close()
				return
			}
			go func() { io.Copy(back, c); back.Close() }()
			go func() { io.Copy(c, back); c.Close() }()
		}
	}()
	u, _ := url.Parse("https://" + l.Addr().String())
	return fleet.New(fleet.Options{URL: u, TLS: &tls.Config{InsecureSkipVerify: true}})
}

func TestAnAnswerNobodyAskedForIsNotTheNextClients(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
	plain := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		io.Copy(io.Discard, q.Body)
		fmt.Fprint(c, answer+"asked."+answer+"poison")
		return true
	})
	for what, s := range map[string]*fleet.Server{"plain": serverAt(t, plain), "TLS": corkedServer(t, answer+"asked.", answer+"poison")} {
		e := &Engine{}
		for i := range 3 {
			if w, x, _ := carry(e, jobFor("{}", s)); w.Body.String() != "asked." {
				t.Errorf("%s, request %d: %s %+v", what, i, w.Body, x)
			}
		}
		e.sweep(true)
	}
}

// A corked connection sends what is written only when it is next read from:
// several TLS records arrive at once.
type corked struct {
	net.Conn
	held bytes.Buffer
}

func (c *corked) Write(p []byte) (int, error) { return c.held.Write(p) }

func (c *corked) Read(p []byte) (int, error) {
	if _, err := c.held.WriteTo(c.Conn); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// corkedServer answers each request with records, each of its own but sent as one.
func corkedServer(t *testing.T, records ...string) *fleet.Server {
	t.Helper()
	borrowed := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(borrowed.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer raw.Close()
				c := tls.Server(&corked{Conn: raw}, &tls.Config{Certificates: borrowed.TLS.Certificates})
				in := bufio.NewReader(c)
				for {
					q, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, q.Body)
					for _, r := range records {
						io.WriteString(c, r)
					}
				}
			}()
		}
	}()
	u, _ := url.Parse("https://" + l.Addr().String())
	return fleet.New(fleet.Options{URL: u, TLS: &tls.Config{InsecureSkipVerify: true}})
}

func TestATLSConnectionIsUsedAgainAndAClosedOneIsNot(t *testing.T) {
	var served atomic.Int32
	s := tlsServer(t, func(c net.Conn, q *http.Request, n int) bool {
		io.Copy(io.Discard, q.Body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%02d", n)
		served.Add(1)
		return n != 1 // the second request's connection is closed behind its answer
	})
	e := &Engine{}
	for i := range 4 {
		if w, x, _ := carry(e, jobFor("{}", s)); w.Code != 200 || len(x.Attempts) != 1 {
			t.Errorf("%d: %d %+v", i, w.Code, x)
		}
		time.Sleep(10 * time.Millisecond) // for the close to arrive; without it the request is sent again
	}
	if n := served.Load(); n != 4 {
		t.Errorf("%d requests arrived", n)
	}
	e.sweep(true)
}

func TestAFailingAnswerThatStallsDoesNotStopFailover(t *testing.T) {
	for what, body := range map[string]string{"within its body": "{\"error\"", "before its body": ""} {
		done := make(chan struct{})
		stalled := lines(t, func(c net.Conn, q *http.Request, n int) bool {
			io.Copy(io.Discard, q.Body)
			fmt.Fprint(c, "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n"+body)
			<-done
			return false
		})
		good := lines(t, func(c net.Conn, q *http.Request, n int) bool {
			io.Copy(io.Discard, q.Body)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			return true
		})
		e := &Engine{}
		start := time.Now()
		w, x, _ := carry(e, jobFor("{}", serverAt(t, stalled), serverAt(t, good)))
		if w.Code != 200 || time.Since(start) > 4*longestFailure {
			t.Errorf("%s: %d after %v %+v", what, w.Code, time.Since(start), x)
		}
		close(done)
		e.sweep(true)
	}
}

func TestWhatMustNotBeSentTwiceGetsAConnectionOfItsOwn(t *testing.T) {
	type perConn struct{}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(perConn{}).(*atomic.Int32).Add(1) > 1 {
			panic(http.ErrAbortHandler) // it closes a connection as its second request arrives
		}
		fmt.Fprint(w, "{}")
	}))
	srv.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, perConn{}, new(atomic.Int32))
	}
	srv.Start()
	defer srv.Close()
	e, s := &Engine{}, serverAt(t, srv.URL)
	for i := range 5 {
		carry(e, jobFor("{}", s)) // leaves a connection that will break
		job := jobFor("{}", s)
		job.Changes = true
		turn, _ := job.Next(t.Context(), fleet.HopeAll)
		as := job.For(s)
		a, _, err := e.ask(t.Context(), turn, job, &as)
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		a.drop()
	}
	e.sweep(true)
}

func TestSwitchingProtocolsIsNoAnswer(t *testing.T) {
	url := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		io.Copy(io.Discard, q.Body)
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
		return true
	})
	e := &Engine{}
	if w, x, _ := carry(e, jobFor("{}", serverAt(t, url))); w.Code != 502 {
		t.Errorf("%d %+v", w.Code, x)
	}
}

func TestARecordDoesNotWaitForTheNextWhoseSizeIsKnown(t *testing.T) {
	b := body{chunked: true, in: newInbox(nil)}
	for held, want := range map[string]bool{"": true, "\r\n": true, "\r\n1f\r\n": true, "\r\n1f": true, "\r\n1f\r\n{": false} {
		b.behind = true
		b.in.pos, b.in.end = 0, copy(b.in.buf, held)
		if got := b.waits(); got != want {
			t.Errorf("%q: %v", held, got)
		}
	}
}
