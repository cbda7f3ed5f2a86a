package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// A replica is a gollamas that runs in a process of its own.
type replica struct {
	t        *testing.T
	process  *exec.Cmd
	url, ops string

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes the process's log.
func (r *replica) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// said is what the log says after these words, as soon as it does.
func (r *replica) said(after string) (found string) {
	r.t.Helper()
	pattern := regexp.MustCompile(regexp.QuoteMeta(after) + `([^"]*)"`)
	soon(r.t, "the log says "+after, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		m := pattern.FindStringSubmatch(r.log.String())
		if m != nil {
			found = m[1]
		}
		return m != nil
	})
	return found
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// replicas starts two gollamas with the same settings.
func replicas(t *testing.T, settings string) (a, b *replica) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gollamas.yaml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	one := func() *replica {
		r := &replica{t: t, process: exec.Command("gollamas", "serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")}
		r.process.Stderr = r
		if err := r.process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.kill)
		return r
	}
	a, b = one(), one()
	for _, r := range []*replica{a, b} {
		r.ops = "http://" + r.said(`"msg":"operator's address","address":"`)
		r.url = "http://" + r.said(`"msg":"listening","address":"`)
		soon(t, "it is ready", func() bool { return r.try("GET", r.ops+"/readyz", "").status == 200 })
	}
	return a, b
}

// kill ends it as a lack of memory would.
func (r *replica) kill() {
	_ = r.process.Process.Kill()
	_ = r.process.Wait()
	if r.t.Failed() {
		r.t.Logf("its log:\n%s", r.log.String())
	}
}

// A heard is an answer; status 0 = there was none.
type heard struct {
	status       int
	server, body string
}

func (r *replica) try(method, url, body string) heard {
	req, err := http.NewRequestWithContext(r.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer the-secret-of-the-team")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return heard{}
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		return heard{}
	}
	return heard{resp.StatusCode, resp.Header.Get("X-Gollamas-Server"), string(all)}
}

func (r *replica) ask(path, body string) heard {
	method := "POST"
	if body == "" {
		method = "GET"
	}
	return r.try(method, r.url+path, body)
}

// twoServers are two servers with other embeddings each, and the connections to them.
func twoServers(t *testing.T, pace time.Duration) (all [2]*ollamatest.Server, connections string) {
	t.Helper()
	for i := range all {
		digest := strings.Repeat(fmt.Sprint(i), 64) // two models under one name
		s, err := ollamatest.Start(ollamatest.Options{Pace: pace, Models: []ollamatest.Model{
			{Name: "m"}, {Name: "sized"}, {Name: "e", Digest: digest, Capabilities: []string{"embedding"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		all[i] = s
	}
	return all, fmt.Sprintf("connections: {a: '%s', b: '%s'}\n", all[0].URL(), all[1].URL())
}

// times counts a path among what servers were asked.
func times(path string, all ...*ollamatest.Server) (n int) {
	for _, s := range all {
		for _, q := range s.Requests() {
			if q.URL == path {
				n++
			}
		}
	}
	return n
}

const chat = `{"model":"m","messages":[{"role":"user","content":"x"}]}`

func TestTwoReplicasBehindOneAddressAreRightAndShareNothing(t *testing.T) {
	t.Parallel()
	servers, connections := twoServers(t, 0)
	a, b := replicas(t, connections+`
manage: true
watch: 1s
models:
  m: [a, b]
  e: [a, b]
  sized: {routes: [a, b], num_ctx: {enforce: 8192}}
  pulled: [a, b]
`)
	both := []*replica{a, b}
	for i := range 20 { // a client whose requests go now here, now there
		r := both[i%2]
		if got := r.ask("/api/chat", chat); got.status != 200 || !strings.Contains(got.body, `"done":true`) {
			t.Errorf("%+v", got)
		}
		if got := r.ask("/api/embed", `{"model":"e","input":"x"}`); got.status != 200 || got.server != "a" {
			t.Errorf("an embedding from %q: %d", got.server, got.status)
		}
		if got := r.ask("/v1/chat/completions", strings.Replace(chat, `"m"`, `"sized"`, 1)); got.status != 200 {
			t.Errorf("%+v", got)
		}
	}
	if n := times("/api/create", servers[:]...); n == 0 || n > 4 {
		t.Errorf("the variant was made %d times: each replica makes it at most once on each server", n)
	}
	var wg sync.WaitGroup
	for _, r := range both { // two people at once
		wg.Go(func() {
			if got := r.ask("/api/pull", `{"model":"pulled"}`); got.status != 200 || !strings.Contains(got.body, `"status":"success"`) {
				t.Errorf("%+v", got)
			}
		})
	}
	wg.Wait()
	if n := times("/api/pull", servers[:]...); n < 2 || n > 4 {
		t.Errorf("servers were told %d times to pull: each replica tells each once, and a server makes one pull of two", n)
	}
	for _, path := range []string{"/api/tags", "/v1/models", "/api/version"} {
		soon(t, "both say the same", func() bool { // what the one has pulled the other sees at its next look
			one, other := a.ask(path, ""), b.ask(path, "")
			return one.status == 200 && one == other
		})
	}

	b.kill()
	for i := range 10 { // what stands in front goes on to the next, as for any server
		got := both[(i+1)%2].ask("/api/chat", chat)
		if got.status == 0 {
			got = a.ask("/api/chat", chat)
		}
		if got.status != 200 || !strings.Contains(got.body, `"done":true`) {
			t.Errorf("after a replica died: %+v", got)
		}
	}
	if got := a.ask("/api/embed", `{"model":"e","input":"x"}`); got.server != "a" {
		t.Errorf("an embedding from %q", got.server)
	}
}

// redisServer starts one of the test's own.
func redisServer(t *testing.T) (url string, process *os.Process) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("GOLLAMAS_NEED_REDIS") == "1" {
			t.Fatal("there is no redis-server, and GOLLAMAS_NEED_REDIS=1 wants one")
		}
		t.Skip("there is no redis-server here: what replicas share is not tested")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()
	c := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir(), "--requirepass", "the-redis-password")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	soon(t, "redis-server answers", func() bool {
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return "redis://:the-redis-password@" + address, c.Process
}

func TestTwoProcessesHoldAKeyToOneLimitUntilOneIsKilledOrTheRedisIs(t *testing.T) {
	t.Parallel()
	redis, process := redisServer(t)
	_, connections := twoServers(t, time.Second)
	a, b := replicas(t, connections+`
shared: `+redis+`
models: {m: [a, b]}
keys: [{name: team, key: the-secret-of-the-team, parallel: 1, requests_per_minute: 1000}]
`)
	state := func(r *replica, want string) func() bool {
		return func() bool { return strings.Contains(r.try("GET", r.ops+"/api/state", "").body, want) }
	}
	metric := func(r *replica, line string) func() bool {
		return func() bool { return strings.Contains(r.try("GET", r.ops+"/metrics", "").body, "\n"+line+"\n") }
	}
	together := regexp.MustCompile(`"shared": ?{\s*"up": ?true,\s*"replicas": ?2\s*}`)
	for _, r := range []*replica{a, b} {
		soon(t, "they know of each other", func() bool {
			return together.MatchString(r.try("GET", r.ops+"/api/state", "").body)
		})
		soon(t, "the metric says so", metric(r, "gollamas_shared_up 1"))
	}
	over := make(chan heard, 1)
	go func() { over <- a.ask("/api/chat", chat) }() // fifteen seconds long
	soon(t, "the one sees the other's load", state(b, `"in_flight_elsewhere"`))
	if got := b.ask("/api/chat", chat); got.status != 429 || !strings.Contains(got.body, "may have 1 requests at once") {
		t.Errorf("%+v", got)
	}
	a.kill()
	if got := <-over; got.status != 0 {
		t.Errorf("%+v, of a process that was killed", got)
	}
	warm := `{"model":"m"}` // it only loads the model
	soon(t, "its place is free", func() bool { return b.ask("/api/generate", warm).status == 200 })

	_ = process.Kill()
	for range 20 {
		began := time.Now()
		if got := b.ask("/api/generate", warm); got.status != 200 || time.Since(began) > 2*time.Second {
			t.Errorf("without the Redis: %+v after %v", got, time.Since(began))
		}
	}
	soon(t, "the metric says so", metric(b, "gollamas_shared_up 0"))
	b.said(`"msg":"replicas no longer count together`)
	if log := a.log.String() + b.log.String(); strings.Contains(log, "the-redis-password") || strings.Contains(log, "the-secret") {
		t.Errorf("there is a secret in the log:\n%s", log)
	}
}
