package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheTurnstileWaitsForWhoIsInAndLetsNobodyElseIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn turnstile
		over := false
		h := turn.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			time.Sleep(time.Minute)
			over = true
		}))
		go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		synctest.Wait()
		turn.wait()
		if !over {
			t.Error("it did not wait")
		}
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("one more was let in")
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}
