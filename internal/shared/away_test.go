//go:build unix

package shared

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gollamas/internal/keys"
)

// late is how long a request may take on a machine that is busy with other tests while the Redis is stopped: a
// hundred of them one after the other took ten seconds if each waited for it.
const late = 3 * time.Second

// storm has a hundred requests at each replica, eight at once, and wants each admitted, within the time.
func storm(t *testing.T, all ...*keys.Holder) {
	t.Helper()
	var wg sync.WaitGroup
	began := time.Now()
	for _, h := range all {
		for range 8 {
			wg.Go(func() {
				for range 13 {
					end, no := h.Take(t.Context(), time.Now())
					if no != nil {
						t.Errorf("refused: %+v", no)
						return
					}
					end(1)
				}
			})
		}
	}
	wg.Wait()
	if took := time.Since(began); took > late {
		t.Errorf("the requests took %v", took)
	}
}

func TestNoRequestWaitsForARedisThatIsAwayAndWhenItIsBackAllIsSharedAgain(t *testing.T) {
	t.Parallel()
	const password = "wonderful-secret"
	for what, way := range map[string]struct{ leave, come func(s *store) }{
		"stopped": {func(s *store) { s.signal(syscall.SIGSTOP) }, func(s *store) { s.signal(syscall.SIGCONT) }},
		"killed":  {func(s *store) { s.kill() }, func(s *store) { s.start() }},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, password)
			a, b := join(t, s.url(), bound), join(t, s.url(), bound)
			for _, r := range []*replica{a, b} {
				eventually(t, "two replicas", func() bool { return r.Status().Up && r.Status().Replicas == 2 })
			}
			k := keys.Key{Parallel: 9, PerDay: 1_000_000}
			ka, kb := a.holder(k), b.holder(k)
			takes(t, ka) // runs all the time
			a.work(0)
			way.leave(s)
			storm(t, ka, kb)
			for _, r := range []*replica{a, b} {
				eventually(t, "it is noticed", func() bool { return !r.Status().Up })
				if r.Status().Failures == 0 {
					t.Error("no failure is counted")
				}
			}
			for range 8 { // each counts for itself
				takes(t, ka)
			}
			refuses(t, ka, keys.LimitParallel)
			end := takes(t, kb)
			if n := b.servers[0].Others(); n != 0 {
				t.Errorf("%d requests of somebody who is not heard of", n)
			}
			end(5)
			way.come(s)
			for _, r := range []*replica{a, b} {
				eventually(t, "it is back", func() bool { return r.Status().Up && r.Status().Replicas == 2 })
			}
			b.sees(t, 0, 1)
			refusing := func() bool { _, no := take(t, kb); return no != nil && no.Limit == keys.LimitParallel }
			eventually(t, "the nine that run at the other are counted", refusing)
			c := s.client()
			defer c.Close()
			eventually(t, "and so are all tokens", func() bool { // those of before are gone with a Redis that keeps nothing
				all, _ := c.HVals(t.Context(), tokensKey+"team: a").Result()
				return len(all) == 1 && (all[0] == "213" || what == "killed")
			})
			for _, r := range []*replica{a, b} {
				if r.log.with("no longer count together") != r.log.with("count together again") || r.log.with("no longer") == 0 || r.log.with("no longer") > 3 {
					t.Errorf("the log:\n%s", r.log.text.String())
				}
				if r.log.with(password) != 0 {
					t.Errorf("there is a password in the log:\n%s", r.log.text.String())
				}
			}
		})
	}
}

func TestWhatIsNoRedisOfOursIsAWarning(t *testing.T) {
	t.Parallel()
	web := listen(t, "HTTP/1.1 400 Bad Request wonderful-secret\r\n\r\n")
	mute := listen(t, "")
	gone := listen(t, "")
	gone.Close()
	s := newStore(t, "another")
	all := map[string]*replica{}
	for what, at := range map[string]string{
		"a web server": "redis://:wonderful-secret@" + web.Addr().String(), "a mute one": "redis://:wonderful-secret@" + mute.Addr().String(),
		"nobody": "redis://:wonderful-secret@" + gone.Addr().String(), "a wrong password": "redis://:wonderful-secret@127.0.0.1:" + s.port,
		"no password": "redis://127.0.0.1:" + s.port, "no TLS": "rediss://:wonderful-secret@127.0.0.1:" + s.port,
	} {
		r := join(t, at, bound)
		all[what] = r
		storm(t, r.holder(keys.Key{PerMinute: 500}))
	}
	time.Sleep(again + 3*rhythm) // it is tried once more, and nothing said
	for what, r := range all {
		storm(t, r.holder(keys.Key{PerMinute: 500}))
		if st := r.Status(); st.Up || st.Failures == 0 {
			t.Errorf("%s: %+v", what, st)
		}
		if r.log.with(`level=WARN msg="replicas no longer count together`) != 1 || r.log.with("\n") != 1 || r.log.with("wonderful-secret") > 0 {
			t.Errorf("%s: the log:\n%s", what, r.log.text.String())
		}
	}
}

// listen answers everything with so many words.
func listen(t *testing.T, words string) net.Listener {
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
			t.Cleanup(func() { c.Close() })
			go func() {
				buf := make([]byte, 1024)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					_, _ = io.WriteString(c, words)
				}
			}()
		}
	}()
	return l
}

func TestAURLThatCannotBeUsedIsSaidWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for u, want := range map[string]string{
		"redis://:wonderful-secret@h:1/x":         `shared: invalid database number: "x" (write redis://USER:PASSWORD@HOST:6379/0)`,
		"redis://:wonderful-secret@h:1?nothing=1": "shared: unexpected option: nothing (write redis://USER:PASSWORD@HOST:6379/0)",
	} {
		if _, err := New(Options{URL: u}); err == nil || err.Error() != want {
			t.Errorf("%v, not %s", err, want)
		}
	}
}

func TestNothingRunsOnWhenItsRunIsOver(t *testing.T) {
	s := newStore(t, "")
	before := runtime.NumGoroutine()
	r := join(t, s.url(), bound)
	eventually(t, "it is up", func() bool { return r.Status().Up })
	r.holder(keys.Key{PerMinute: 9})
	r.stop()
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	if r.Status().Up || strings.Contains(r.log.text.String(), "WARN") {
		t.Errorf("%+v\n%s", r.Status(), r.log.text.String())
	}
}

func TestALinkThatFailsAgainAndAgainIsTriedSeldom(t *testing.T) {
	var l link
	now := time.Now()
	for i, want := range []time.Duration{again, 2 * again, 4 * again, 8 * again, 16 * again, never, never} {
		if !l.fell(now) || l.retry.Sub(now) != want {
			t.Errorf("%d: it is tried after %v, not %v", i, l.retry.Sub(now), want)
		}
		if l.fell(now) || l.retry.Sub(now) != want {
			t.Errorf("%d: a failure while it is away is news", i)
		}
		now = now.Add(time.Minute)
		if !l.rose(now) || l.rose(now) {
			t.Error("it is back, and that is told once")
		}
	}
	if now = now.Add(steady); !l.fell(now) || l.retry.Sub(now) != again {
		t.Errorf("it held, and is tried after %v", l.retry.Sub(now))
	}
}
