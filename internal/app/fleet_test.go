package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
	"gollamas/internal/proxy"
	"gollamas/internal/telemetry"
)

// A box is a pretend server behind a door.
type box struct {
	*ollamatest.Server
	mu    sync.Mutex
	door  *ollamatest.Pipes
	lines map[*line]bool              // connections that gollamas has to it
	lag   atomic.Int64                // how long what gollamas sends is on its way; nanoseconds
	tap   func(on *line, sent []byte) // told of every byte; nil = nobody is
}

// A line is a connection that its box knows of as long as it is open.
type line struct {
	net.Conn
	of *box
}

func (l *line) Write(b []byte) (int, error) {
	time.Sleep(time.Duration(l.of.lag.Load()))
	if tap := l.of.tap; tap != nil {
		tap(l, b)
	}
	return l.Conn.Write(b)
}

func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.lines, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// dialled is a new line to the box.
func (b *box) dialled(c net.Conn) net.Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &line{c, b}
	b.lines[l] = true
	return l
}

// connected are the lines that are open.
func (b *box) connected() []*line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.lines))
}

// cut breaks every line; the box lives on.
func (b *box) cut() {
	for _, l := range b.connected() {
		l.Conn.Close()
	}
}

func newBox(o ollamatest.Options) *box {
	b := &box{Server: ollamatest.New(o), lines: map[*line]bool{}}
	b.open()
	return b
}

func (b *box) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := ollamatest.NewPipes()
	b.door = d
	go b.Serve(d)
}

// die takes the box off the net with all it was doing.
func (b *box) die() {
	b.current().Close()
	b.Stop()
}

func (b *box) current() *ollamatest.Pipes {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.door
}

// rise brings it back with nothing loaded.
func (b *box) rise(t *testing.T) {
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	b.open()
}

// chats are how many chats about a model it got.
func (b *box) chats(model string) (n int) {
	for _, q := range asked(b.Server, "/api/chat") {
		if strings.Contains(string(q.Body), `"`+model+`"`) {
			n++
		}
	}
	return n
}

// toLoad are how many requests it got that only load a model.
func (b *box) toLoad(model string) (n int) {
	for _, q := range asked(b.Server, "/api/generate") {
		if strings.Contains(string(q.Body), `"`+model+`"`) && !strings.Contains(string(q.Body), `"prompt"`) {
			n++
		}
	}
	return n
}

// A world is gollamas and its servers in one bubble of pretended time.
type world struct {
	*running
	boxes   map[string]*box // by host name or address
	door    *ollamatest.Pipes
	path    string // of the settings
	mu      sync.Mutex
	names   map[string][]netip.Addr // what dns+ finds
	lookups error                   // and why it does not
}

// pretend runs a test in a bubble, with gollamas as the file's text says.
func pretend(t *testing.T, file string, boxes map[string]ollamatest.Options, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gollamas.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, "--config", path)
	synctest.Test(t, func(t *testing.T) {
		w := &world{path: path, boxes: map[string]*box{}, door: ollamatest.NewPipes(), names: map[string][]netip.Addr{}}
		for host, o := range boxes {
			w.add(host, o)
			if a, err := netip.ParseAddr(host); err == nil {
				w.names[farm] = append(w.names[farm], a)
			}
		}
		r := &running{t: t, done: make(chan error, 1), log: &syncBuffer{}}
		a, err := build(cfg, telemetry.NewLogger(r.log, "info"), outside{dial: w.dial, resolve: w.resolve, unwatched: true}, r.note)
		if err != nil {
			t.Fatal(err)
		}
		a.Load = func() (config.Config, error) { return loaded("--config", path) }
		r.is(a)
		w.running = r
		var ctx, now context.Context
		ctx, r.stop = context.WithCancel(context.Background())
		now, r.now = context.WithCancel(context.Background())
		go func() { r.done <- a.Run(ctx, now, w.door) }()
		fleet.FirstLook(t.Context(), r.connections, 10*time.Second)
		synctest.Wait()
		test(t, w)
		r.stop()
		r.now()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		for _, b := range w.boxes {
			b.current().Close()
			b.Close()
		}
		w.wantIdle(t)
	})
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	b := w.box(strings.TrimSuffix(host, ".localhost")) // Ollama takes no other names
	if b == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	c, err := b.current().Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return b.dialled(c), nil
}

func (w *world) box(host string) *box {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.boxes[host]
}

// add puts one more box on the net.
func (w *world) add(host string, o ollamatest.Options) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.boxes[host] = newBox(o)
}

func (w *world) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.names[host]), w.lookups
}

// farm is the name whose addresses are, at first, those of all boxes that have one.
const farm = "farm.localhost"

// move gives the farm these addresses, or the reason why it cannot be looked up.
func (w *world) move(err error, addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[farm], w.lookups = nil, err
	for _, a := range addresses {
		w.names[farm] = append(w.names[farm], netip.MustParseAddr(a))
	}
}

// An underWay is a request on its way.
type underWay struct {
	reply
	took  time.Duration
	over  chan struct{}
	leave context.CancelFunc
	so    syncBuffer // what has come so far
}

// send asks and does not wait, but until the request is where it gets to.
func (w *world) send(path, body string) *underWay {
	w.t.Helper()
	a := w.begin(path, body)
	synctest.Wait()
	return a
}

// begin asks and does not wait at all, so that many may at once.
func (w *world) begin(path, body string) *underWay {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.t.Context())
	a := &underWay{over: make(chan struct{}), leave: leave}
	method := "POST"
	if body == "" {
		method = "GET"
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		defer close(a.over)
		defer leave()
		from := time.Now()
		a.reply = roundTrip(req, w.door, &a.so)
		a.took = time.Since(from)
	}()
	return a
}

// crowd keeps so many chats running for so long, a new one as soon as one is over.
func (w *world) crowd(n int, most time.Duration, body string) *sync.WaitGroup {
	var wg sync.WaitGroup
	end := time.Now().Add(most)
	for range n {
		wg.Go(func() {
			for time.Now().Before(end) {
				a := w.begin("/api/chat", body)
				if <-a.over; a.status != 200 {
					time.Sleep(time.Second)
				}
			}
		})
	}
	return &wg
}

func roundTrip(req *http.Request, to *ollamatest.Pipes, so io.Writer) reply {
	tr := &http.Transport{DialContext: to.Dial, DisableKeepAlives: true, DisableCompression: true}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.TeeReader(res.Body, so))
	return reply{res.StatusCode, res.Header, string(b), err}
}

// end waits for the answer's end.
func (a *underWay) end() *underWay {
	<-a.over
	synctest.Wait()
	return a
}

// by is the server that answered.
func (a *underWay) by() string { return a.header.Get("X-Gollamas-Server") }

func (w *world) post(path, body string) *underWay { return w.send(path, body).end() }

func (w *world) get(path string) *underWay { return w.send(path, "").end() }

// talk chats about a model and wants a whole answer from a server.
func (w *world) talk(model, server string) {
	w.t.Helper()
	a := w.post("/api/chat", about(model))
	a.want(w.t, 200, `"done":true`)
	if a.by() != server {
		w.t.Errorf("%s was answered by %q, not by %q", model, a.by(), server)
	}
}

// about is a chat about a model; more goes in front of its fields.
func about(model string, more ...string) string {
	return fmt.Sprintf(`{%s"model":%q,"messages":[{"role":"user","content":"x"}]}`, strings.Join(more, ""), model)
}

// direct asks a box itself.
func (w *world) direct(host, path, body string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if got := roundTrip(req, w.box(host).current(), io.Discard); got.status != 200 {
		w.t.Fatalf("%s: %d %s %v", host, got.status, got.body, got.err)
	}
}

// peek asks a box itself for a list.
func (w *world) peek(host, path string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "GET", "http://localhost"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	got := roundTrip(req, w.box(host).current(), io.Discard)
	if got.status != 200 {
		w.t.Fatalf("%s: %d %s %v", host, got.status, got.body, got.err)
	}
	return got.body
}

// warm has a model loaded on a box without gollamas, and waits until that has been seen.
func (w *world) warm(host, model string, more ...string) {
	w.t.Helper()
	w.direct(host, "/api/generate", fmt.Sprintf(`{%s"model":%q}`, strings.Join(more, ""), model))
	wait(interval)
}

// last is the last exchange.
func (w *world) last() proxy.Exchange {
	synctest.Wait()
	w.running.mu.Lock()
	defer w.running.mu.Unlock()
	return w.exchanges[len(w.exchanges)-1]
}

// facts are what is known of a model on the n-th connection.
func (w *world) facts(n int, model string) *fleet.Facts {
	return w.server(n).Facts("registry.ollama.ai/library/" + model + ":latest")
}

// logged counts the log's lines that have all of these.
func (w *world) logged(parts ...string) (n int) {
	for line := range strings.Lines(w.log.String()) {
		has := func(p string) bool { return strings.Contains(line, p) }
		if !slices.ContainsFunc(parts, func(p string) bool { return !has(p) }) {
			n++
		}
	}
	return n
}

// wait lets time pass.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// interval is the watch's, with its jitter.
const interval = 5*time.Second + 500*time.Millisecond

const (
	inOrder  = "balance: in-order\n"
	aAndB    = "connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\n"
	mAndN    = "models: {m: [a, b], n: [a, b]}\n"
	twoBoxes = aAndB + mAndN
)

// both are two boxes alike.
func both(o ollamatest.Options) map[string]ollamatest.Options {
	return map[string]ollamatest.Options{"a": o, "b": o}
}
