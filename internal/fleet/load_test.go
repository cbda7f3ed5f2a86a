package fleet

import (
	"bytes"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
)

// Ollama makes room before it loads: what a load has pushed out, and what the
// model takes, are known before the load is over and long before the next look is due.
func TestALoadIsLookedAtWhenItBeginsAndWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := ollamatest.NewPipes()
		o := ollamatest.New(ollamatest.Options{Models: []ollamatest.Model{{Name: "one", Size: 100, Loaded: 170}}})
		go o.Serve(l)
		var log bytes.Buffer
		s, stop := watched(t, l, &log)
		FirstLook(t.Context(), []*Connection{alone(s)}, time.Second)
		time.Sleep(time.Second) // the least pause between two looks
		const key = "registry.ollama.ai/library/one:latest"
		soon := func(what string, do func()) {
			t.Helper()
			before := s.State()
			do()
			time.Sleep(1100 * time.Millisecond)
			synctest.Wait()
			if s.State() == before {
				t.Errorf("%s: nobody looked", what)
			}
		}
		var turn *Turn
		soon("when it begins", func() { turn = s.Take(Want{Key: key, Counted: true}, time.Now()) })
		o.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "http://localhost/api/generate", strings.NewReader(`{"model":"one"}`)))
		over := time.Now()
		soon("when it is over", func() { turn.Answered(over, true) })
		if f := s.Facts(key); !f.Came.Equal(over) {
			t.Errorf("it came at %v", f.Came)
		}
		if f := s.Facts(key); f.Size != 170 {
			t.Errorf("it takes %d bytes", f.Size)
		}
		turn.End(time.Now(), Outcome{Verdict: Fine})
		stop()
		l.Close()
		o.Close()
	})
}

// With a burst no request for a model is ever the only one. Where places are
// bounded, none waits inside the server, so each shows what an answer takes.
func TestWhatAnAnswerTakesIsLearnedFromABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for parallel, want := range map[int]time.Duration{0: 0, 2: 4 * time.Second} {
			u, _ := url.Parse("http://127.0.0.1:1")
			s := New(Options{URL: u, Parallel: parallel})
			first := s.Take(Want{Key: "m", Counted: true}, time.Now())
			time.Sleep(time.Second)
			first.Answered(time.Now(), true)
			second := s.Take(Want{Key: "m", Counted: true}, time.Now())
			time.Sleep(4 * time.Second)
			second.End(time.Now(), Outcome{Verdict: Fine})
			first.End(time.Now(), Outcome{Verdict: Fine})
			if got := s.Facts("m").Service.Typical; got != want {
				t.Errorf("%d places: an answer takes %v, want %v", parallel, got, want)
			}
		}
	})
}
