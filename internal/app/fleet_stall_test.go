package app

import (
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestALoadThatNobodyHasSeenComingIsNotTakenForAStall(t *testing.T) {
	o := paced(100 * time.Millisecond)
	o.Memory = 1 // for one model at a time
	o.Models[0].Load, o.Models[1].Load = 3*time.Minute, time.Second
	for _, watch := range []string{"5s", "1h"} {
		t.Run(watch, func(t *testing.T) {
			file := "connections: {a: 'http://a.localhost'}\nmodels: {'*': a}\nwatch: " + watch + "\n"
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				for range 5 {
					w.talk("m", "a")
				}
				w.direct("a", "/api/generate", `{"model":"n"}`) // m is pushed out behind gollamas' back
				w.talk("m", "a")
				if b := w.facts(0, "m").Breaker; b.Failures > 0 {
					t.Errorf("it was counted: %+v", b)
				}
			})
		})
	}
}

func TestThoseWhoWaitBehindAStallMoveOnWithIt(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(paced(100*time.Millisecond)), func(t *testing.T, w *world) {
		for range 5 {
			w.talk("m", "a")
		}
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/chat", Model: "m"})
		all := []*underWay{w.send("/api/chat", about("m")), w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))}
		for i, a := range all {
			a.end().want(t, 200, `"done":true`)
			if a.by() != "b" || a.took > time.Minute {
				t.Errorf("request %d took %v", i, a.took)
			}
		}
	})
}
