package app

import (
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestLoadWaitBoundsTheMakingOfAVariantToo(t *testing.T) {
	for what, warm := range map[string]bool{"loaded": true, "not loaded": false} {
		t.Run(what, func(t *testing.T) {
			pretend(t, withSize+"load_wait: 5s\n", sizedBox(), func(t *testing.T, w *world) {
				if warm {
					w.warm("a", "m")
				}
				w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/create"})
				a := w.post(spokenAt, saying("m"))
				if a.took < 4*time.Second || a.took > 6*time.Second {
					t.Errorf("%d after %v: %s", a.status, a.took, a.body)
				}
				if warm {
					a.want(t, 200, `"model":"m"`)
				} else if a.want(t, 503, "load_wait"); a.header.Get("Retry-After") == "" {
					t.Errorf("%v", a.header)
				}
			})
		})
	}
}

func TestALoadThatGoesOnIsMoreHopeThanAnotherServersFailure(t *testing.T) {
	for _, path := range []string{"/api/chat", "/v1/chat/completions"} {
		t.Run(path, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes+"load_wait: 30s\n", map[string]ollamatest.Options{"a": slowly(time.Second), "b": slowly(2 * time.Minute)}, func(t *testing.T, w *world) {
				w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Body: "it cannot be loaded"})
				a := w.post(path, about("m"))
				if a.want(t, 503, "is being loaded on b"); a.header.Get("Retry-After") == "" {
					t.Errorf("%v", a.header)
				}
				if x := w.last(); len(x.Attempts) != 2 || x.Attempts[0].Status != 500 || x.Attempts[1].Why != "loading" {
					t.Errorf("%+v", x.Attempts)
				}
			})
		})
	}
}
