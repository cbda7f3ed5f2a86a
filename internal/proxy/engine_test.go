package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
)

func serverAt(t *testing.T, raw string) *fleet.Server {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return fleet.New(fleet.Options{ID: "s", URL: u})
}

func jobFor(body string, servers ...*fleet.Server) *Job {
	pieces := [][]byte{[]byte(body)}
	return &Job{Method: "POST", Endpoint: "/api/show", Target: "/api/show", Header: http.Header{}, Next: inTurn(servers...),
		For: func(*fleet.Server) Sending { return Sending{Body: pieces} }}
}

// inTurn gives out the servers one after the other.
func inTurn(servers ...*fleet.Server) Next {
	return func(context.Context, fleet.Hope) (*fleet.Turn, error) {
		if len(servers) == 0 {
			return nil, nil
		}
		t := servers[0].Take(fleet.Want{Key: "m", Counted: true}, time.Now())
		servers = servers[1:]
		t.Spare = len(servers) > 0
		return t, nil
	}
}

func carry(e *Engine, job *Job) (*httptest.ResponseRecorder, Exchange, bool) {
	w := httptest.NewRecorder()
	x := Exchange{Start: time.Now()}
	whole := e.Carry(context.Background(), w, job, &x)
	return w, x, whole
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	var opened atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // net/http closes a body at the first byte of the answer
		w.Write(body)
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	e, s := &Engine{}, serverAt(t, srv.URL)
	for i := range 20 {
		text := fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", i*1000))
		if w, x, whole := carry(e, jobFor(text, s)); w.Body.String() != text || !whole || x.Err != "" {
			t.Fatalf("%d: %d bytes, %+v", i, w.Body.Len(), x)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 20 requests in turn", n)
	}
	e.sweep(true)
}

func TestAConnectionTheServerClosedMeanwhileCostsNothing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{}`)
	}))
	defer srv.Close()
	u, _ := url.Parse(srv.URL)
	watching := fleet.Fixed(fleet.Options{ID: "s", URL: u})
	e, s := &Engine{}, watching.Servers()[0]
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		fleet.Watch(ctx, []*fleet.Connection{watching})
	}()
	defer func() { stop(); <-watched }()
	for range 5 {
		job := jobFor("{}", s)
		job.Changes = true // may not be sent twice, so it must not be lost
		if w, x, _ := carry(e, job); w.Code != 200 || len(x.Attempts) != 1 {
			t.Fatalf("%d %+v", w.Code, x)
		}
		srv.CloseClientConnections()
	}
}

// lines starts a server that answers a connection's n-th request with what do
// writes, and closes where do says so.
func lines(t *testing.T, do func(c net.Conn, q *http.Request, n int) (again bool)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 0; ; {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(c)
			for again := true; again; n++ {
				q, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				again = do(c, q, n)
			}
			c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestARequestLostOnAKeptConnectionIsSentAgain(t *testing.T) {
	url := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		io.Copy(io.Discard, q.Body)
		if n == 1 {
			return false // it closes as the second request arrives
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		return true
	})
	e, s := &Engine{}, serverAt(t, url)
	for i := range 3 {
		if w, x, _ := carry(e, jobFor("{}", s)); w.Code != 200 || len(x.Attempts) != 1 {
			t.Fatalf("%d: %d %+v", i, w.Code, x)
		}
	}
	e.sweep(true)
}

func TestAnEarlyAnswerToALargeRequestIsHeardWhileItIsStillWritten(t *testing.T) {
	heard := make(chan struct{})
	url := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		fmt.Fprint(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		<-heard // it reads no more, and keeps the connection open
		return false
	})
	e, s := &Engine{}, serverAt(t, url)
	late := time.AfterFunc(10*time.Second, func() { close(heard) })
	w, x, _ := carry(e, jobFor(strings.Repeat("x", 64<<20), s))
	if w.Code != 413 || !late.Stop() {
		t.Fatalf("%d %+v", w.Code, x)
	}
	close(heard)
}

func TestInformationalAnswersArePassedOver(t *testing.T) {
	url := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		io.Copy(io.Discard, q.Body)
		fmt.Fprint(c, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		return true
	})
	e := &Engine{}
	if w, _, _ := carry(e, jobFor("{}", serverAt(t, url))); w.Code != 200 || w.Header().Get("Link") != "" || w.Body.String() != "{}" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	e.sweep(true)
}

func TestAnAnswerThatIsNotHTTPGoesToTheNextServer(t *testing.T) {
	bad := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		fmt.Fprint(c, "SSH-2.0-OpenSSH\r\n\r\n")
		return false
	})
	good := lines(t, func(c net.Conn, q *http.Request, n int) bool {
		io.Copy(io.Discard, q.Body)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		return true
	})
	e := &Engine{}
	w, x, _ := carry(e, jobFor("{}", serverAt(t, bad), serverAt(t, good)))
	if w.Code != 200 || len(x.Attempts) != 2 || x.Attempts[0].Err != "its answer is not HTTP" {
		t.Errorf("%d %+v", w.Code, x)
	}
	e.sweep(true)
}

func TestAServersPathAndHeadersAreUsed(t *testing.T) {
	var got *http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		fmt.Fprint(w, `{}`)
	}))
	defer srv.Close()
	u, _ := url.Parse(srv.URL + "/ollama/")
	s := fleet.New(fleet.Options{URL: u, Header: http.Header{"Authorization": {"Bearer own"}, "X-Own": {"1"}}})
	job := jobFor("{}", s)
	job.Target = "/api/show?ts=1&x=%2F"
	job.Header = http.Header{"Authorization": {"Bearer client"}, "X-Own": {"client"}, "Te": {"trailers"}, "Host": {"client"}}
	e := &Engine{}
	carry(e, job)
	if got.RequestURI != "/ollama/api/show?ts=1&x=%2F" || got.Header.Get("Authorization") != "Bearer own" || strings.Join(got.Header["X-Own"], "|") != "1" || got.Header.Get("Te") != "" || got.Host != u.Host {
		t.Errorf("%s %v", got.RequestURI, got.Header)
	}
	e.sweep(true)
}

func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		open := 0
		u, _ := url.Parse("http://pretend:1")
		s := fleet.New(fleet.Options{URL: u, Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			mu.Lock()
			open++
			mu.Unlock()
			go func() {
				in := bufio.NewReader(theirs)
				for {
					q, err := http.ReadRequest(in)
					if err != nil {
						break
					}
					io.Copy(io.Discard, q.Body)
					fmt.Fprint(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				}
				mu.Lock()
				open--
				mu.Unlock()
			}()
			return ours, nil
		}})
		e := &Engine{}
		ctx, stop := context.WithCancel(t.Context())
		go e.Run(ctx)
		carry(e, jobFor("{}", s))
		count := func() int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return open
		}
		time.Sleep(idleTime / 2)
		if n := count(); n != 1 {
			t.Errorf("%d connections are open while they are fresh", n)
		}
		time.Sleep(idleTime)
		if n := count(); n != 0 {
			t.Errorf("%d connections are open after %v", n, idleTime)
		}
		carry(e, jobFor("{}", s))
		stop()
		if n := count(); n != 0 {
			t.Errorf("%d connections outlived the engine", n)
		}
		carry(e, jobFor("{}", s))
		if n := count(); n != 0 {
			t.Errorf("%d connections were kept after its end", n)
		}
	})
}
