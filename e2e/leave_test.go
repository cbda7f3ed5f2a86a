package e2e

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"gollamas/internal/ollamatest"
)

// soonEnough is how long a server may go on for a client that has left.
const soonEnough = 2 * time.Second

func TestCancelReachesTheServerInTheMiddleOfAStream(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			before := f.a.ended(s.path)
			ctx, cancel := context.WithCancel(limited(t))
			err := s.talk(ctx, f.url, question{model: "tiny-endless", stream: true}, func(_, text string) {
				if text != "" {
					cancel()
				}
			})
			if !errors.Is(err, context.Canceled) && !s.deaf {
				t.Errorf("the library says %v", err)
			}
			f.a.endsAnother(t, s.path, before)
		})
	})
}

func TestAClientThatGivesUpWaitingFreesTheServer(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			before := f.a.ended(s.path)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := s.talk(ctx, f.url, question{model: "tiny-endless"}, func(_, text string) { t.Errorf("heard %q", text) })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the library says %v", err)
			}
			f.a.endsAnother(t, s.path, before)
		})
	})
}

// ended is how many requests to path the server has ended: a pretend one counts those that
// lost their client, a real one writes a line of its log for each.
func (s *server) ended(path string) int {
	n := 0
	if s.pretend == nil {
		return strings.Count(s.process.log.String(), `POST     "`+path+`"`)
	}
	for _, r := range s.pretend.Requests() {
		if r.URL == path && r.Gone {
			n++
		}
	}
	return n
}

func (s *server) endsAnother(t *testing.T, path string, before int) {
	t.Helper()
	within(t, soonEnough, "the server ends the request", func() bool { return s.ended(path) > before })
	if s.pretend != nil {
		within(t, soonEnough, "the server is idle", func() bool { return s.pretend.InFlight() == 0 })
		return
	}
	s.unload(t, "tiny-endless")
}

// unload ends a model's runner. After a cancelled request that of v0.24.0 often hangs, gollamas
// or not, and the next request for the model would hang with it.
func (s *server) unload(t *testing.T, model string) {
	t.Helper()
	c, none := ollamaClient(t, s.url), &api.Duration{}
	err := c.Generate(limited(t), &api.GenerateRequest{Model: model, KeepAlive: none}, func(api.GenerateResponse) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	soon(t, "the model is unloaded", func() bool {
		list, err := c.ListRunning(limited(t))
		return err == nil && !slices.ContainsFunc(list.Models, func(m api.ProcessModelResponse) bool { return m.Name == model+":latest" })
	})
}

func TestAClientThatLeavesDuringALoadDoesNotEndTheLoad(t *testing.T) {
	t.Parallel()
	onEachSpeaker(t, func(t *testing.T, sp speaker) {
		s, err := ollamatest.Start(ollamatest.Options{Load: time.Second, Models: []ollamatest.Model{{Name: "large"}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		url := serve(t, []string{"large"}, "--connection", "only="+s.URL())
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			_, err := sp.ask(ctx, url, question{model: "large", stream: true})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the library says %v", err)
			}
		}
		within(t, soonEnough, "the load is over", func() bool { return len(s.Loads()) > 0 })
		if all := s.Loads(); len(all) != 1 || all[0].Aborted {
			t.Errorf("%+v", all)
		}
		sp.asked(t, url, question{model: "large", stream: true})
		if n := len(s.Loads()); n != 1 {
			t.Errorf("%d loads", n)
		}
	})
}
