package app

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
	"gollamas/internal/proxy"
	"gollamas/internal/route"
	"gollamas/internal/telemetry"
)

// A running is one gollamas under test.
type running struct {
	*App
	t    testing.TB
	url  string
	ops  string             // the operator's address, where the flags say --admin
	stop context.CancelFunc // as the first signal does
	now  context.CancelFunc // as the second does
	done chan error
	log  *syncBuffer

	connections []*fleet.Connection // of the start
	table       *route.Table

	mu        sync.Mutex
	exchanges []proxy.Exchange
}

// start runs gollamas with the flags an operator would give, and waits until
// each server was looked at.
func start(t testing.TB, flags ...string) *running {
	t.Helper()
	r := launch(t, flags...)
	fleet.FirstLook(t.Context(), r.connections, 10*time.Second)
	return r
}

// server is the n-th connection's only one.
func (r *running) server(n int) *fleet.Server { return r.connections[n].Servers()[0] }

// launch is start without the waiting.
func launch(t testing.TB, flags ...string) *running {
	t.Helper()
	return run(t, alone(load(t, flags...)))
}

// alone has no operator's address where none was asked for: its default is an address of this machine, and others' tests run here too.
func alone(cfg config.Config) config.Config {
	if !cfg.AdminAsked {
		cfg.Admin, cfg.AdminAsked = "", true
	}
	return cfg
}

// run is launch with settings that are loaded.
func run(t testing.TB, cfg config.Config, more ...func(*App)) *running {
	t.Helper()
	r := &running{t: t, done: make(chan error, 1), log: &syncBuffer{}}
	a, err := New(cfg, telemetry.NewLogger(r.log, "debug"), r.note)
	if err != nil {
		t.Fatal(err)
	}
	r.is(a)
	a.Version = "1.2.3"
	for _, m := range more {
		m(a)
	}
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + l.Addr().String()
	if cfg.ServerTLS.Cert != "" {
		r.url = "https" + r.url[len("http"):]
	}
	if err := a.OpenAdmin(); err != nil {
		t.Fatal(err)
	}
	if a.admin != nil {
		r.ops = "http://" + a.admin.Addr().String()
	}
	var ctx, now context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	now, r.now = context.WithCancel(context.Background())
	go func() { r.done <- a.Run(ctx, now, l) }()
	t.Cleanup(func() {
		r.stop()
		r.now()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	})
	return r
}

// is has the running gollamas be this one.
func (r *running) is(a *App) {
	r.App, r.connections, r.table = a, a.settings().connections, a.settings().table
}

// testOrigins is OLLAMA_ORIGINS for what load loads.
var testOrigins string

func load(t testing.TB, flags ...string) config.Config {
	t.Helper()
	cfg, err := loaded(flags...)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// loaded are settings, or what is wrong with them.
func loaded(flags ...string) (config.Config, error) {
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	given := config.Flags(fs)
	if err := fs.Parse(append([]string{"--listen", "127.0.0.1:0"}, flags...)); err != nil {
		return config.Config{}, err
	}
	return config.Load(given, func(name string) string {
		switch {
		case name == "OLLAMA_ORIGINS":
			return testOrigins
		case strings.HasPrefix(name, "TEST_"):
			return os.Getenv(name)
		}
		return ""
	})
}

func (r *running) note(x proxy.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchanges = append(r.exchanges, x)
}

// exchange waits for the n-th exchange and returns it.
func (r *running) exchange(n int) proxy.Exchange {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		r.mu.Lock()
		if len(r.exchanges) >= n {
			defer r.mu.Unlock()
			return r.exchanges[n-1]
		}
		r.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	r.t.Fatalf("exchange %d never ended; the log:\n%s", n, r.log)
	return proxy.Exchange{}
}

// ollama starts a pretend server.
func ollama(t *testing.T, o ollamatest.Options) *ollamatest.Server {
	t.Helper()
	s, err := ollamatest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// with is a server's options with these models.
func with(names ...string) ollamatest.Options {
	var o ollamatest.Options
	for _, n := range names {
		o.Models = append(o.Models, ollamatest.Model{Name: n})
	}
	return o
}

// A reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of asking, or of reading the body
}

func (r *running) post(path, body string) reply {
	r.t.Helper()
	return r.ask("POST", path, body)
}

func (r *running) get(path string) reply {
	r.t.Helper()
	return r.ask("GET", path, "")
}

// ask sends a request; fields are header names and values in turn.
func (r *running) ask(method, path, body string, fields ...string) reply {
	r.t.Helper()
	return ask(r.t, method, r.url+path, body, fields...)
}

func ask(t testing.TB, method, url, body string, fields ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
		if fields[i] == "Host" {
			req.Host = fields[i+1]
		}
	}
	tr := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b), err}
}

func (a reply) want(t testing.TB, status int, part string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, part) {
		t.Errorf("status %d body %s (%v)\nwant %d with %s", a.status, a.body, a.err, status, part)
	}
}

// A syncBuffer is a log that is written and read at the same time.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
