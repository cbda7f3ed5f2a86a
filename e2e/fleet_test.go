package e2e

import (
	"context"
	"flag"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"gollamas/internal/app"
	"gollamas/internal/config"
	"gollamas/internal/ollamatest"
	"gollamas/internal/telemetry"
)

// A server is one Ollama.
type server struct {
	url     string
	stop    func()             // makes it a dead box: listener and connections are gone at once
	pretend *ollamatest.Server // nil where the server is a real one
	process *process           // nil where it is pretended
}

// A kind is a sort of Ollama server; start makes one that has the models.
type kind struct {
	name  string
	start func(t *testing.T, models []string) *server
}

// Ollama answers differently from v0.30 on, so there are pretend servers of both sides of it.
var (
	pretended = kind{"ollamatest", startPretend}
	newer     = kind{"ollamatest-0.33", startNewer}
	real      = kind{"ollama", startReal}
)

// A fleet is two servers and gollamas in front of them.
type fleet struct {
	kind
	a, b *server
	url  string // of gollamas
}

// The models each server of a fleet has. tiny-chain has two routes, a's first.
var (
	modelsOfA = []string{"tiny-chain", "tiny-random", "tiny-endless"}
	modelsOfB = []string{"tiny-chain", "tiny-embed", "tiny-tools"}
)

// alias is the other name of tiny-chain, which says chainText whatever it is asked.
const (
	alias     = "gpt-4o"
	chainText = " the quick brown fox jumps over lazy dog and then it sleeps in warm sun"
)

// onEachKind runs a test against pretend servers and against real ones.
func onEachKind(t *testing.T, test func(t *testing.T, k kind)) {
	onKinds(t, []kind{pretended, newer, real}, test)
}

func onKinds(t *testing.T, kinds []kind, test func(t *testing.T, k kind)) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// onEachFleet runs a test against a fleet of each kind.
func onEachFleet(t *testing.T, test func(t *testing.T, f *fleet)) {
	onEachKind(t, func(t *testing.T, k kind) { test(t, newFleet(t, k)) })
}

// onPretendFleet runs a test that needs servers that misbehave when told to.
func onPretendFleet(t *testing.T, test func(t *testing.T, f *fleet)) {
	onKinds(t, []kind{pretended, newer}, func(t *testing.T, k kind) { test(t, newFleet(t, k)) })
}

func newFleet(t *testing.T, k kind, flags ...string) *fleet {
	t.Helper()
	f := &fleet{kind: k, a: k.start(t, modelsOfA), b: k.start(t, modelsOfB)}
	f.url = f.serve(t, flags...)
	return f
}

// serve starts gollamas in front of the fleet and waits until it lists every model.
func (f *fleet) serve(t *testing.T, flags ...string) string {
	t.Helper()
	routes := []string{"--connection", "a=" + f.a.url, "--connection", "b=" + f.b.url, "--alias", alias + "=tiny-chain"}
	for _, m := range modelsOfA {
		routes = append(routes, "--proxy", m+"=a")
	}
	for _, m := range modelsOfB {
		routes = append(routes, "--proxy", m+"=b")
	}
	return serve(t, slices.Concat(modelsOfA, modelsOfB), append(routes, flags...)...)
}

// serve starts gollamas with these flags, ends it with the test, and waits until it lists the models.
func serve(t *testing.T, models []string, flags ...string) string {
	t.Helper()
	fs := flag.NewFlagSet("gollamas", flag.ContinueOnError)
	given := config.Flags(fs)
	if err := fs.Parse(append([]string{"--watch", "100ms", "--drain", "0", "--balance", "in-order"}, flags...)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(given, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	a, err := app.New(cfg, telemetry.NewLogger(log, "debug"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	run(t, a, l, log)
	url := "http://" + l.Addr().String()
	soon(t, "gollamas lists every model", func() bool { return lists(t, url, models) })
	return url
}

func run(t *testing.T, a *app.App, l net.Listener, log *journal) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("gollamas: %v", err)
		}
		if t.Failed() {
			t.Logf("gollamas said:\n%s", log)
		}
	})
}

// lists says whether the server at url has all of the models in its list.
func lists(t *testing.T, url string, models []string) bool {
	list, err := ollamaClient(t, url).List(t.Context())
	if err != nil {
		return refusedFor(err, http.StatusUnauthorized) // it has keys: then a request waits for the first looks
	}
	for _, want := range models {
		if !slices.Contains(names(list), want+":latest") {
			return false
		}
	}
	return true
}

// patience is how long anything that is to happen may take on a busy machine.
const patience = 20 * time.Second

// limited is a context for one request, so that a hanging one fails and does not hang the test.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// soon waits until something is so.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, patience, what, is)
}

func within(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > most {
			t.Fatalf("not within %s: %s", most, what)
		}
	}
}
