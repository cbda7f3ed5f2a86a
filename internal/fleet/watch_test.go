package fleet

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
)

// alone is a connection to s.
func alone(s *Server) *Connection {
	c := &Connection{id: s.ID()}
	c.servers.Store(&[]*Server{s})
	return c
}

func watched(t *testing.T, l *ollamatest.Pipes, log *bytes.Buffer) (s *Server, stop func()) {
	t.Helper()
	u, _ := url.Parse("http://127.0.0.1:1")
	c := Fixed(Options{ID: "s", URL: u, Dial: l.Dial, Log: slog.New(slog.NewTextHandler(log, nil))})
	s = c.Servers()[0]
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Watch(ctx, []*Connection{c})
	}()
	return s, func() { cancel(); <-done }
}

func TestTheWatchSeesWhatChangesWithinAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ollamatest.NewPipes()
		o := ollamatest.New(ollamatest.Options{Version: "0.24.0", Models: []ollamatest.Model{{Name: "One"}}})
		go o.Serve(l)
		var log bytes.Buffer
		s, stop := watched(t, l, &log)
		FirstLook(t.Context(), []*Connection{alone(s)}, time.Second)
		const key = "registry.ollama.ai/library/one:latest"
		state := s.State()
		if m := state.Has(key); m == nil || m.Listed.Name != "One:latest" || !state.Up || !state.Known || state.Version != "0.24.0" {
			t.Errorf("first seen: %+v", state)
		}
		o.Remove("one")
		o.Install(ollamatest.Model{Name: "two"})
		time.Sleep(6 * time.Second) // the interval and its jitter
		synctest.Wait()
		if s.State().Has(key) != nil || len(s.State().Installed) != 1 {
			t.Errorf("after a change: %+v", s.State())
		}
		if state.Has(key) == nil {
			t.Error("a state that was handed out has changed")
		}
		o.Install(ollamatest.Model{Name: "three"})
		s.LookNow(t.Context(), time.Second)
		if len(s.State().Installed) != 2 {
			t.Error("asked to look now, it did not")
		}
		o.Reset()
		start := time.Now()
		for range 1000 {
			s.LookAgain()
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		if n := len(o.Requests()); n < 3 || n > 6 {
			t.Errorf("asked a thousand times in %v, it made %d requests", time.Since(start), n)
		}
		stop()
		l.Close()
		o.Close()
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines for one change of state:\n%s", n, log.String())
		}
	})
}

func TestAServerThatHangsIsDownAndItsListsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ollamatest.NewPipes()
		o := ollamatest.New(ollamatest.Options{Models: []ollamatest.Model{{Name: "one"}}})
		go o.Serve(l)
		var log bytes.Buffer
		s, stop := watched(t, l, &log)
		FirstLook(t.Context(), []*Connection{alone(s)}, time.Second)
		clear := o.Fault(ollamatest.Fault{Kind: ollamatest.Hang})
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if st := s.State(); st.Up || !st.Known || len(st.Installed) != 1 || st.Err != "no answer in time" {
			t.Errorf("while it hangs: %+v", st)
		}
		clear()
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if !s.State().Up {
			t.Errorf("after it came back: %+v", s.State())
		}
		stop()
		l.Close()
		o.Close()
		synctest.Wait()
		for _, want := range []string{"server up", `server down" server=s reason="no answer in time"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log.String())
			}
		}
	})
}

func TestTheFirstLookIsNotWaitedForLongerThanAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ollamatest.NewPipes() // nobody accepts
		var log bytes.Buffer
		s, stop := watched(t, l, &log)
		start := time.Now()
		FirstLook(t.Context(), []*Connection{alone(s)}, time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it waited %v", took)
		}
		stop()
	})
}

func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a server nobody has named was asked")
	}))
	defer elsewhere.Close()
	srv := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer srv.Close()
	u, _ := url.Parse(srv.URL)
	c := Fixed(Options{URL: u})
	s := c.Servers()[0]
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); Watch(ctx, []*Connection{c}) }()
	FirstLook(ctx, []*Connection{c}, 5*time.Second)
	stop()
	<-done
	if st := s.State(); st.Up || !strings.Contains(st.Err, "status 302") {
		t.Errorf("%+v", st)
	}
}

func TestThatThisMachineHasNoSocketsTellsNothingOfAServer(t *testing.T) {
	for errno, up := range map[syscall.Errno]bool{syscall.EMFILE: true, syscall.ENFILE: true, syscall.EADDRNOTAVAIL: true, syscall.ECONNREFUSED: false} {
		t.Run(errno.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, _ := url.Parse("http://127.0.0.1:1")
				c := Fixed(Options{URL: u, Dial: func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}
				}})
				s := c.Servers()[0]
				s.state.Store(&State{Known: true, Up: true})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				Watch(ctx, []*Connection{c})
				if state := s.State(); state.Up != up || (state.Failed > 0) == up {
					t.Errorf("up %v, %d looks failed: %s", state.Up, state.Failed, state.Err)
				}
			})
		})
	}
}
