package ollamatest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A box is a server in a bubble of its own time, with a client.
type box struct {
	*Server
	t      *testing.T
	client *http.Client
}

// bubble runs a test with a server on a listener without sockets, where waiting costs nothing.
func bubble(t *testing.T, o Options, test func(b *box)) {
	synctest.Test(t, func(t *testing.T) {
		s := New(o)
		l := NewPipes()
		go s.Serve(l)
		transport := &http.Transport{DialContext: l.Dial}
		test(&box{s, t, &http.Client{Transport: transport}})
		transport.CloseIdleConnections()
		s.Close()
	})
}

// A reply is an answer as the client got it, and how long it took.
type reply struct {
	status int
	header http.Header
	text   string
	err    error
	took   time.Duration
}

func (b *box) post(path, body string) reply { return b.postIn(context.Background(), path, body) }

func (b *box) postIn(ctx context.Context, path, body string) reply {
	return b.do(ctx, http.MethodPost, path, body)
}

func (b *box) do(ctx context.Context, method, path, body string) reply {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.client.Do(req)
	if err != nil {
		return reply{err: err, took: time.Since(start)}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text), err, time.Since(start)}
}

func (b *box) get(path string) reply { return b.do(context.Background(), http.MethodGet, path, "") }

// later posts while the test goes on.
func (b *box) later(path, body string) <-chan reply {
	return b.laterIn(context.Background(), path, body)
}

func (b *box) laterIn(ctx context.Context, path, body string) <-chan reply {
	c := make(chan reply, 1)
	go func() { c <- b.postIn(ctx, path, body) }()
	synctest.Wait()
	return c
}

func generate(model string, more string) string {
	return `{"model":"` + model + `","prompt":"x","stream":false` + more + `}`
}

func (b *box) ok(r reply) reply {
	b.t.Helper()
	if r.err != nil || r.status != http.StatusOK {
		b.t.Fatalf("status %d, error %v: %s", r.status, r.err, r.text)
	}
	return r
}

// loaded are the names /api/ps lists.
func (b *box) loaded() string {
	var names []string
	for _, l := range b.memory.list() {
		names = append(names, l.model.name.model)
	}
	return strings.Join(names, " ")
}
