package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/admin"
	"gollamas/internal/ollamatest"
)

// trioFile has three servers that clients may change: m and made go to all of them.
const trioFile = inOrder + "manage: true\nconnections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\n" +
	"models: {m: [a, b, c], made: [a, b, c]}\n"

// trio are three boxes that have another model than those; a pull takes five seconds.
func trio() map[string]ollamatest.Options {
	o := with("base")
	o.Pace = time.Second
	return map[string]ollamatest.Options{"a": o, "b": o, "c": o}
}

// A blob is a file as clients upload it.
type blob struct {
	bytes  []byte
	digest string
}

func newBlob(size int) blob {
	b := append([]byte("GGUF"), bytes.Repeat([]byte("0123456789abcde\n"), size/16)...)[:size]
	return blob{b, fmt.Sprintf("sha256:%x", sha256.Sum256(b))}
}

// upload sends a blob of which the client has this much, in chunks where length is below zero.
func (w *world) upload(digest string, from io.Reader, length int64) *underWay {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", "http://localhost/api/blobs/"+digest, io.NopCloser(from))
	if err != nil {
		w.t.Fatal(err)
	}
	req.ContentLength = length
	a := &underWay{over: make(chan struct{}), leave: leave}
	go func() {
		defer close(a.over)
		defer leave()
		began := time.Now()
		a.reply = roundTrip(req, w.door, &a.so)
		a.took = time.Since(began)
	}()
	synctest.Wait()
	return a
}

// store uploads a whole blob as the ollama command does.
func (w *world) store(b blob) *underWay {
	w.t.Helper()
	return w.upload(b.digest, bytes.NewReader(b.bytes), -1).end()
}

// slowly uploads a blob of which a part is held back until more is closed.
func (w *world) slowly(b blob, at int) (a *underWay, more func()) {
	w.t.Helper()
	rest := make(chan struct{})
	a = w.upload(b.digest, io.MultiReader(bytes.NewReader(b.bytes[:at]), held(rest), bytes.NewReader(b.bytes[at:])), -1)
	return a, func() { close(rest) }
}

// A held reader is empty, but says so only once it is closed.
type held chan struct{}

func (h held) Read([]byte) (int, error) {
	<-h
	return 0, io.EOF
}

// head is what gollamas says of a blob, or a box where one is named.
func (w *world) head(digest string, host ...string) int {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "HEAD", "http://localhost/api/blobs/"+digest, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	door := w.door
	if len(host) > 0 {
		door = w.box(host[0]).current()
	}
	return roundTrip(req, door, io.Discard).status
}

// wantBlob fails where other boxes have a blob than these, of those that are there.
func (w *world) wantBlob(digest, those, there string) {
	w.t.Helper()
	for host := range strings.FieldsSeq(there) {
		if has := w.head(digest, host) == 200; has != strings.Contains(those, host) {
			w.t.Errorf("%s has the blob: %v; %q should", host, has, those)
		}
	}
}

// wantModel fails where other boxes have a model than these, of those that are there, or gollamas lists it falsely.
func (w *world) wantModel(model, those, there string) {
	w.t.Helper()
	name := fmt.Sprintf(`"name":"%s:latest"`, model)
	for host := range strings.FieldsSeq(there) {
		if has := strings.Contains(w.peek(host, "/api/tags"), name); has != strings.Contains(those, host) {
			w.t.Errorf("%s has %s: %v; %q should", host, model, has, those)
		}
	}
	if listed := strings.Contains(w.get("/api/tags").body, name); listed != (those != "") {
		w.t.Errorf("%s is listed: %v; it is on %q", model, listed, those)
	}
}

// final is the last record of a stream.
func (a *underWay) final() string {
	lines := strings.Split(strings.TrimSpace(a.body), "\n")
	return lines[len(lines)-1]
}

// wantFinal fails where the last record has not all of these, or another one says success.
func (a *underWay) wantFinal(t testing.TB, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(a.final(), p) {
			t.Errorf("the last record is %s, without %s", a.final(), p)
		}
	}
	if n := strings.Count(a.body, `"success"`); a.status != 200 || n > 1 || n == 1 && !strings.Contains(a.final(), `"success"`) {
		t.Errorf("status %d, %d times success: %s %v", a.status, n, a.body, a.err)
	}
}

// state is the operator's /api/state.
func (w *world) state() string {
	w.t.Helper()
	page := admin.New(admin.Options{
		Table: w.table, Desk: w.desk, Connections: w.connections, Metrics: http.NotFoundHandler(), Started: time.Now(),
		Stopping: func() bool { return false }, Loading: w.loading, Changing: w.changing, Rules: w.settings().ruled,
	})
	rec := httptest.NewRecorder()
	page.ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), "GET", "http://localhost/api/state", nil))
	return rec.Body.String()
}

// count is how many requests boxes have had at a path, together.
func (w *world) count(path string) (n int) {
	for _, b := range w.boxes {
		n += len(asked(b.Server, path))
	}
	return n
}

// hushed has a box answer nothing new any more, as one whose cable is out.
func hushed(b *box) { b.Fault(ollamatest.Fault{Kind: ollamatest.Hang}) }
