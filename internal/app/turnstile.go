package app

import (
	"net/http"
	"sync"
)

// A turnstile counts the requests that are being served, so that Run can wait
// for the last of them to be over and told of. net/http's Close does not wait.
type turnstile struct {
	mu   sync.Mutex
	in   sync.WaitGroup
	shut bool
}

// wrap lets requests through to h until the turnstile is shut.
func (t *turnstile) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !t.enter() {
			panic(http.ErrAbortHandler) // the connection is being closed
		}
		defer t.in.Done()
		h.ServeHTTP(w, r)
	})
}

func (t *turnstile) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shut {
		t.in.Add(1)
	}
	return !t.shut
}

// wait lets nobody in any more and returns when all are out.
func (t *turnstile) wait() {
	t.mu.Lock()
	t.shut = true
	t.mu.Unlock()
	t.in.Wait()
}
