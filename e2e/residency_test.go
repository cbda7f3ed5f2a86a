package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// loads is how often the server has loaded a model so far.
func (s *server) loads() int {
	if s.pretend != nil {
		return len(s.pretend.Loads())
	}
	return strings.Count(s.process.log.String(), `msg="loaded runners"`)
}

// context is the one that a model is loaded with, 0 = it is not loaded.
func (s *server) context(t *testing.T, model string) int {
	t.Helper()
	list, err := ollamaClient(t, s.url).ListRunning(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Models {
		if m.Name == model+":latest" {
			return m.ContextLength
		}
	}
	return 0
}

// saysContext is a native client that asks for a context of its own.
func saysContext(t *testing.T, url string, numCtx int) {
	t.Helper()
	off := false
	req := &api.ChatRequest{Model: "tiny-chain", Stream: &off, Options: map[string]any{"num_ctx": numCtx}, Messages: []api.Message{{Role: "user", Content: "x"}}}
	if err := ollamaClient(t, url).Chat(limited(t), req, func(api.ChatResponse) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// alternate has native clients that say a context, and clients of /v1, which cannot, ask by turns.
func alternate(t *testing.T, url string, requests int) {
	t.Helper()
	rest := append(openaiSpeakers, anthropicSpeakers...)
	for i := range requests {
		if i%2 == 0 {
			saysContext(t, url, 1024)
			continue
		}
		s := rest[i/2%len(rest)]
		a := s.asked(t, url, question{model: "tiny-chain", stream: i%4 == 1})
		for _, m := range a.models {
			if m != "tiny-chain" {
				t.Errorf("%s: the answer is by %q", s.name, m)
			}
		}
	}
}

func TestClientsOfAllDialectsOnOneModelLoadItOnce(t *testing.T) {
	const through, direct = 200, 40
	onEachKind(t, func(t *testing.T, k kind) {
		s := k.start(t, []string{"tiny-chain"})
		url := serve(t, []string{"tiny-chain"}, "--connection", "only="+s.url, "--num-ctx", "tiny-chain=1024")
		before := s.loads()
		alternate(t, url, through)
		with := s.loads() - before
		if n := s.context(t, "tiny-chain"); n != 1024 {
			t.Errorf("its context is %d", n)
		}
		s.unload(t, "tiny-chain")
		before = s.loads()
		alternate(t, s.url, direct)
		without := s.loads() - before
		t.Logf("%d requests through gollamas: %d loads; %d of the same sent straight to the server: %d", through, with, direct, without)
		if with != 1 || without < direct/2 {
			t.Errorf("%d loads with gollamas, %d without", with, without)
		}
		if list, err := ollamaClient(t, url).List(limited(t)); err != nil || len(list.Models) != 1 {
			t.Errorf("the list has %v (%v)", names(list), err)
		}
	})
}

func TestImpatientClientsCostOneLoad(t *testing.T) {
	onEachKind(t, func(t *testing.T, k kind) {
		s := k.start(t, []string{"tiny-chain"})
		url := serve(t, []string{"tiny-chain"}, "--connection", "only="+s.url)
		through := &server{url: url}
		onEachSpeaker(t, func(t *testing.T, sp speaker) {
			before := s.loads()
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
					defer cancel()
					_, _ = sp.ask(ctx, url, question{model: "tiny-chain", stream: true}) // it leaves, most likely
				})
			}
			all.Wait()
			soon(t, "the model is loaded", func() bool { return s.loads() > before })
			sp.asked(t, url, question{model: "tiny-chain", stream: true})
			if n := s.loads() - before; n != 1 {
				t.Errorf("%d loads", n)
			}
			soon(t, "gollamas sees that it is loaded", func() bool { return through.context(t, "tiny-chain") > 0 })
			through.unload(t, "tiny-chain") // waits until gollamas sees that too
		})
	})
}

func TestAPreloadedModelStaysThoughItsTimeIsShort(t *testing.T) {
	onEachKind(t, func(t *testing.T, k kind) {
		s := k.start(t, []string{"tiny-chain"})
		before := s.loads()
		serve(t, []string{"tiny-chain"}, "--connection", "only="+s.url, "--proxy", "tiny-chain=only",
			"--preload", "tiny-chain", "--keep-alive", "tiny-chain=3s", "--num-ctx", "tiny-chain=1024")
		soon(t, "it is preloaded", func() bool { return s.context(t, "tiny-chain") == 1024 })
		for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if n := s.context(t, "tiny-chain"); n != 1024 {
				t.Fatalf("its context is %d, %s before the end", n, time.Until(end))
			}
		}
		if n := s.loads() - before; n != 1 {
			t.Errorf("%d loads", n)
		}
	})
}
