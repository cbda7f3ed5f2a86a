package app

import (
	"cmp"
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

// once asks for one token, which comes after the box's pace.
const once = `"options":{"num_predict":1},`

const tool = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],`

func TestWhatWasLearnedDoesNotCutWhatMayWellBeSlow(t *testing.T) {
	const sure, unsure = 32 * time.Second, 4 * 32 * time.Second // 10 × 100ms + 30s + 10ms a byte
	for what, c := range map[string]struct {
		version string
		more    string
		beside  bool // another model is at work there
		pace    time.Duration
		by      string
	}{
		"nothing else":                            {pace: sure + 10*time.Second, by: "b"},
		"tools":                                   {more: tool, pace: 10 * time.Minute, by: "a"},
		"another model at work":                   {beside: true, pace: unsure - 20*time.Second, by: "a"},
		"another model at work, and too long":     {beside: true, pace: unsure + 20*time.Second, by: "b"},
		"a list of what is loading":               {version: "0.24.0", pace: unsure - 20*time.Second, by: "a"},
		"a list of what is loading, and too long": {version: "0.24.0", pace: unsure + 20*time.Second, by: "b"},
	} {
		t.Run(what, func(t *testing.T) {
			o := paced(100 * time.Millisecond)
			o.Models[0].Capabilities = []string{"completion", "tools"}
			o.Version = cmp.Or(c.version, o.Version)
			pretend(t, inOrder+twoBoxes, both(o), func(t *testing.T, w *world) {
				for range 5 {
					w.talk("m", "a")
				}
				if c.beside {
					w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Model: "n", Pace: 4 * time.Minute})
					n := w.send("/api/chat", about("n"))
					defer func() { n.leave(); n.end() }()
					wait(interval)
				}
				w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Model: "m", Pace: c.pace})
				a := w.post("/api/chat", about("m", once, c.more))
				a.want(t, 200, `"done":true`)
				if failed := w.facts(0, "m").Breaker.Open(); a.by() != c.by || failed != (c.by != "a") {
					t.Errorf("after %v, by %s; counted as a failure: %v", a.took, a.by(), failed)
				}
			})
		})
	}
}

func TestARequestThatHasNowhereElseToGoIsNotCutThoughOthersKeepItsServerBusy(t *testing.T) {
	o := paced(100 * time.Millisecond)
	o.Parallel = 1
	pretend(t, "connections: {a: 'http://a.localhost'}\nmodels: {m: a}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		for range 5 {
			w.talk("m", "a")
		}
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: 10 * time.Second, Times: 1})
		over := make(chan struct{})
		go func() { defer close(over); w.direct("a", "/api/chat", about("m")) }()
		wait(time.Second)
		w.talk("m", "a")
		if <-over; w.facts(0, "m").Breaker.Failures > 0 {
			t.Errorf("it was counted: %+v", w.facts(0, "m").Breaker)
		}
	})
}
