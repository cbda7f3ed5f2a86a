package ollamatest

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// A Request is one request as it arrived.
type Request struct {
	Method string
	URL    string // the request line's, query included
	Host   string
	Header http.Header
	Body   []byte // what was read of it, as received; never that of a blob
	At     time.Time
	Gone   bool // the client left before the answer ended
}

// A Load is one load of a model into memory.
type Load struct {
	Model   string // as /api/ps shows it
	NumCtx  int
	At      time.Time
	Took    time.Duration
	Aborted bool   // the client that caused it left, or the server stopped
	Failed  bool   // DieLoading
	Reload  string // the option that differed from the loaded one's, or "died"; "" = the model was not loaded
}

// history is what a server remembers for those who ask it afterwards.
type history struct {
	mu    sync.Mutex
	limit int
	seen  []*Request
	loads []Load
}

func (h *history) arrived(r *http.Request) *Request {
	if h.limit < 0 {
		return &Request{}
	}
	seen := &Request{Method: r.Method, URL: r.RequestURI, Host: r.Host, Header: r.Header.Clone(), At: time.Now()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen = kept(append(h.seen, seen), h.limit)
	return seen
}

func (h *history) gone(r *Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.Gone = true
}

func (h *history) loaded(l Load) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loads = kept(append(h.loads, l), h.limit)
}

// kept drops the oldest past the limit, a good part at a time.
func kept[T any](list []T, limit int) []T {
	switch {
	case limit < 0:
		return list[:0]
	case limit > 0 && len(list) >= 2*limit:
		return append([]T(nil), list[len(list)-limit:]...)
	}
	return list
}

func newest[T any](list []T, limit int) []T {
	if limit > 0 && len(list) > limit {
		return list[len(list)-limit:]
	}
	return list
}

func (h *history) requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []Request
	for _, r := range newest(h.seen, h.limit) {
		list = append(list, *r)
	}
	return list
}

func (h *history) pastLoads() []Load {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Load(nil), newest(h.loads, h.limit)...)
}

func (h *history) reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seen, h.loads = nil, nil
}

// A recorder copies what is read of a body into the request's record.
type recorder struct {
	body io.Reader
	h    *history
	seen *Request
}

func (r recorder) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if n > 0 && r.h.limit >= 0 {
		r.h.mu.Lock()
		r.seen.Body = append(r.seen.Body, p[:n]...)
		r.h.mu.Unlock()
	}
	return n, err
}
