package gateway

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// typeRecords is what Ollama calls its streams.
const typeRecords = "application/x-ndjson"

// stalledClient is how long a client may take nothing of what it is told.
const stalledClient = 10 * time.Minute

// wait gives the client what d.Wait finds, with the records before it where it wants a stream.
func (g *Gateway) wait(w http.ResponseWriter, r *http.Request, e *Endpoint, d Decision, x *proxy.Exchange) (whole bool) {
	t := &telling{w: w, x: x, flush: http.NewResponseController(w)}
	var tell Teller
	if d.Stream {
		tell = t
	}
	a := d.Wait(r.Context(), tell)
	if a.Status == 0 || r.Context().Err() != nil && !e.Raw { // net/http ends the context of a body that is not read to its end
		if !errors.Is(context.Cause(r.Context()), proxy.ErrStopping) {
			x.Gone, x.Status = true, cmp.Or(x.Status, proxy.StatusGone)
			return false
		}
		a = refusal(ollama.Native, http.StatusServiceUnavailable, proxy.ErrStopping.Error())
	}
	if !t.begun && !(d.Stream && a.Status == http.StatusOK) {
		return write(w, a, x)
	}
	defer func() { _ = t.flush.SetWriteDeadline(time.Time{}) }()
	t.Record(a.Body)
	noteAttempts(x, a)
	x.Err = ollama.ErrorText(a.Body)
	return true
}

// noteAttempts notes the servers that an answer of gollamas' own comes from.
func noteAttempts(x *proxy.Exchange, a Answer) {
	if x.Attempts, x.Spread = a.Attempts, len(a.Attempts) > 0; len(a.Attempts) == 1 {
		x.Server, x.Place = a.Attempts[0].Server, a.Attempts[0].Place
	}
}

// A telling is a stream that gollamas itself gives.
type telling struct {
	w     http.ResponseWriter
	x     *proxy.Exchange
	flush *http.ResponseController
	begun bool
}

// Head notes fields of the answer's head.
func (t *telling) Head(h http.Header) {
	for name, values := range h {
		t.w.Header()[name] = values
	}
}

// Record sends one record. A client that is gone is not told; the request's context ends.
func (t *telling) Record(line []byte) {
	if !t.begun {
		t.begun = true
		t.w.Header()["Content-Type"] = []string{typeRecords}
		t.w.WriteHeader(http.StatusOK)
		t.x.Status, t.x.First, t.x.Streamed = http.StatusOK, time.Since(t.x.Start), true
	}
	_ = t.flush.SetWriteDeadline(time.Now().Add(stalledClient)) // a test's writer may have none
	n, _ := t.w.Write(append(line[:len(line):len(line)], '\n'))
	t.x.BytesOut += int64(n)
	_ = t.flush.Flush()
}

// A counted reader counts what is read.
type counted struct {
	from io.Reader
	n    *int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	*c.n += int64(n)
	return n, err
}
