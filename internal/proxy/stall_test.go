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
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
)

// pretended is a server in pretended time, which may send nothing for 20 seconds; each request is answered by what do writes.
func pretended(do func(c net.Conn)) *fleet.Server {
	u, _ := url.Parse("http://pretended:1")
	const most = 20 * time.Second
	return fleet.New(fleet.Options{URL: u, Stall: fleet.Stall{First: most, Next: most}, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if q, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
				io.Copy(io.Discard, q.Body)
				do(theirs)
			}
		}()
		return ours, nil
	}})
}

// dribbling sends what it begins with, and then a byte a second, of which none is of a body.
func dribbling(begins string) *fleet.Server {
	return pretended(func(c net.Conn) {
		_, err := fmt.Fprint(c, begins)
		for err == nil {
			time.Sleep(time.Second)
			_, err = c.Write([]byte("x"))
		}
	})
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"

func TestWhatDribblesWithoutSayingAnythingHasStalled(t *testing.T) {
	const record = "3\r\n{}\n\r\n"
	for what, c := range map[string]struct {
		begins string
		begun  bool // the client has had a byte
	}{
		"a head":                       {"HTTP/1.1 200 OK\r\nX-A: ", false},
		"the line of the first chunk":  {streamHead + "5;", false},
		"the line of another chunk":    {streamHead + record + "5;", true},
		"the fields behind the answer": {streamHead + record + "0\r\nX-A: ", true},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := pretended(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") })
				bad := dribbling(c.begins)
				e := &Engine{}
				began := time.Now()
				w, x, _ := carry(e, jobFor("{}", bad, good))
				took := time.Since(began)
				e.sweep(true)
				time.Sleep(2 * time.Second) // for what dribbles to notice
				if took < 20*time.Second || took > 30*time.Second {
					t.Errorf("it took %v", took)
				}
				if !bad.Facts("m").Breaker.Open() {
					t.Errorf("no stall was counted: %+v", bad.Facts("m").Breaker)
				}
				if c.begun && !strings.Contains(x.Err, "no next token") || !c.begun && (w.Body.String() != "{}" || len(x.Attempts) != 2) {
					t.Errorf("%q %+v", w.Body, x)
				}
			})
		})
	}
}

// A late writer is one whose client takes nothing for a while, of each of the first pieces.
type late struct {
	*httptest.ResponseRecorder
	pieces int
}

func (l *late) Write(p []byte) (int, error) {
	if l.pieces--; l.pieces >= 0 {
		time.Sleep(time.Minute)
	}
	return l.ResponseRecorder.Write(p)
}

func TestAClientThatTakesNothingForAWhileIsNoStallOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const record = `{"message":{"content":"x"},"done":false}` + "\n"
		s := pretended(func(c net.Conn) {
			fmt.Fprint(c, streamHead)
			for range 20 {
				fmt.Fprintf(c, "%x\r\n%s\r\n", len(record), record)
				time.Sleep(50 * time.Millisecond)
			}
			fmt.Fprint(c, "e\r\n{\"done\":true}\n\r\n0\r\n\r\n")
		})
		job := jobFor("{}", s)
		job.Endpoint, job.Target = "/api/chat", "/api/chat"
		w, x, e := &late{httptest.NewRecorder(), 3}, Exchange{Start: time.Now()}, &Engine{}
		whole := e.Carry(t.Context(), w, job, &x)
		e.sweep(true)
		if b := s.Facts("m").Breaker; !whole || x.Err != "" || b.Failures > 0 || b.Open() || !strings.HasSuffix(w.Body.String(), `{"done":true}`+"\n") {
			t.Errorf("whole %v, %s, %+v: %q", whole, x.Err, b, w.Body)
		}
	})
}
