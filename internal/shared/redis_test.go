package shared

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gollamas/internal/fleet"
	"gollamas/internal/keys"
)

// A store is a real redis-server of the test's own.
type store struct {
	t        *testing.T
	port     string
	password string
	dir      string
	process  *exec.Cmd
}

// needStore skips where there is no redis-server, unless there has to be one.
func needStore(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("GOLLAMAS_NEED_REDIS") == "1" {
			t.Fatal("there is no redis-server, and GOLLAMAS_NEED_REDIS=1 wants one")
		}
		t.Skip("there is no redis-server here: what replicas share is not tested")
	}
}

func newStore(t *testing.T, password string) *store {
	t.Helper()
	needStore(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	s := &store{t: t, port: port, password: password, dir: t.TempDir()}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *store) start() {
	s.t.Helper()
	args := []string{"--port", s.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.dir, "--daemonize", "no"}
	if s.password != "" {
		args = append(args, "--requirepass", s.password)
	}
	s.process = exec.Command("redis-server", args...)
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	c := s.client()
	defer c.Close()
	eventually(s.t, "redis-server answers", func() bool { return c.Ping(context.Background()).Err() == nil })
}

func (s *store) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port, Password: s.password, MaxRetries: -1, Protocol: 2})
}

// kill ends it at once, stopped or not.
func (s *store) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *store) signal(to syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(to); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) url() string {
	u := url.URL{Scheme: "redis", Host: "127.0.0.1:" + s.port}
	if s.password != "" {
		u.User = url.UserPassword("", s.password)
	}
	return u.String()
}

// A replica is one gollamas' counts, its servers and its log.
type replica struct {
	*Counts
	t       *testing.T
	servers []*fleet.Server
	log     *logged
	stop    func() // and wait until it has stopped
	changed chan struct{}
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// with counts the lines that have these words.
func (l *logged) with(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// patient is a bound that a busy machine keeps.
const patient = 5 * time.Second

// join starts a replica at the Redis of that URL.
func join(t *testing.T, to string, within time.Duration) *replica {
	t.Helper()
	r := &replica{t: t, log: &logged{}, changed: make(chan struct{}, 100)}
	for _, host := range []string{"a", "b", "single"} {
		u, _ := url.Parse("http://" + host + ".localhost:11434")
		r.servers = append(r.servers, fleet.New(fleet.Options{ID: host, URL: u, Parallel: map[string]int{"single": 1}[host]}))
	}
	c, err := New(Options{
		URL: to, Replica: fmt.Sprintf("%p", r), Bound: within, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Servers: func() []*fleet.Server { return r.servers }, Changed: func() { r.changed <- struct{}{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Counts = c
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-over
	}
	t.Cleanup(r.stop)
	return r
}

// two are replicas that know of each other.
func two(t *testing.T, s *store) (a, b *replica) {
	t.Helper()
	a, b = join(t, s.url(), patient), join(t, s.url(), patient)
	for _, r := range []*replica{a, b} {
		eventually(t, "two replicas", func() bool { return r.Status().Up && r.Status().Replicas == 2 })
	}
	return a, b
}

// holder is who has a key at this replica.
func (r *replica) holder(k keys.Key) *keys.Holder {
	r.t.Helper()
	k.Name = "team: a"
	if err := k.Read("a-secret-that-is-long"); err != nil {
		r.t.Fatal(err)
	}
	ring, err := keys.NewRing([]keys.Key{k}, nil, r.Counts)
	if err != nil {
		r.t.Fatal(err)
	}
	return ring.Find("a-secret-that-is-long")
}

func take(t *testing.T, h *keys.Holder) (func(int64), *keys.Refusal) {
	t.Helper()
	return h.Take(t.Context(), time.Now())
}

// takes wants no refusal.
func takes(t *testing.T, h *keys.Holder) func(int64) {
	t.Helper()
	end, no := take(t, h)
	if no != nil {
		t.Fatalf("refused: %+v", no)
	}
	return end
}

// refuses wants one by this limit.
func refuses(t *testing.T, h *keys.Holder, want keys.Limit) *keys.Refusal {
	t.Helper()
	_, no := take(t, h)
	if no == nil || no.Limit != want {
		t.Fatalf("want a refusal by %s, not %+v", want, no)
	}
	return no
}

// eventually waits for what other processes bring about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}
