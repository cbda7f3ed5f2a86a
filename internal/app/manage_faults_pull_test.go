package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// full is what Ollama says of a disk that has no room.
const full = "write /var/lib/ollama/models/blobs/sha256-0-partial: no space left on device"

const pullM = `{"model":"m"}`

func TestAServerThatFailsInTheMiddleOfAPullIsNamedAndTheOthersHaveTheModel(t *testing.T) {
	const path = "/api/pull"
	kinds := map[string]func(*box){
		"it dies":                            (*box).die,
		"its connections are cut":            (*box).cut,
		"its disk is full":                   func(*box) {}, // what was armed strikes
		"its stream ends without a last one": func(*box) {},
		"it hangs and answers no look":       hushed,
	}
	armed := map[string]ollamatest.Fault{
		"its disk is full":                   {Kind: ollamatest.ErrorRecord, Path: path, After: 4, Body: full},
		"its stream ends without a last one": {Kind: ollamatest.SilentEnd, Path: path, After: 4},
		"it hangs and answers no look":       {Kind: ollamatest.Hang, Path: path, After: 4},
	}
	reasons := map[string]string{"its disk is full": full, "it hangs and answers no look": "it has said nothing for 1m", "its stream ends without a last one": "ended before it was complete"}
	for name, trouble := range kinds {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				b := w.box("b")
				if f, ok := armed[name]; ok {
					b.Fault(f)
				}
				a := w.send(path, pullM)
				wait(2500 * time.Millisecond)
				trouble(b)
				a.end().wantFinal(t, `{"error":"pulled on a, c, but not on b (`, reasons[name])
				if a.took > 2*time.Minute {
					t.Errorf("it took %v", a.took)
				}
				w.wantModel("m", "a c", "a c")
				if x := w.last(); w.logged(`"pull failed"`, `"server":"b"`) != 1 || w.logged(`"pull done"`) != 2 || x.Status != 200 {
					t.Errorf("%+v\n%s", x, w.log)
				}
				if strings.Contains(w.state(), `"what": "pull"`) {
					t.Error("it is still listed as under way")
				}
			})
		})
	}
}

func TestAFailedPullThatIsNotStreamedHasAStatus(t *testing.T) {
	for name, c := range map[string]struct {
		hosts string
		want  int
		text  string
	}{
		"one of three": {"b", 502, "pulled on a, c, but not on b (" + full + ")"},
		"all alike":    {"a b c", 500, `{"error":"` + full + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				for host := range strings.FieldsSeq(c.hosts) {
					w.box(host).Fault(ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: "/api/pull", After: 4, Body: full})
				}
				w.post("/api/pull", `{"model":"m","stream":false}`).want(t, c.want, c.text)
				if c.want == 500 {
					w.wantModel("m", "", "a b c")
				} else {
					w.wantModel("m", "a c", "a b c")
				}
			})
		})
	}
}

func TestAPullGoesOnWithoutItsClientAndCanBeJoined(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		first := w.send("/api/pull", pullM)
		wait(1500 * time.Millisecond)
		first.leave()
		first.end()
		wait(time.Second)
		state := w.state()
		for _, host := range []string{"a", "b", "c"} {
			if !strings.Contains(state, fmt.Sprintf(`"server": %q,`, host)) || strings.Count(state, `"what": "pull"`) != 3 || strings.Count(state, `"waiting": 0`) < 3 {
				t.Errorf("%s is not listed: %s", host, state)
			}
		}
		again := w.send("/api/pull", pullM)
		if so := again.so.String(); !strings.Contains(so, `"total":3000000,"completed":1200000`) {
			t.Errorf("who joins hears %s", so)
		}
		again.end().wantFinal(t, `{"status":"success"}`)
		if again.took > 3*time.Second || w.count("/api/pull") != 3 {
			t.Errorf("it took %v and %d requests", again.took, w.count("/api/pull"))
		}
		w.wantModel("m", "a b c", "a b c")
		if x := w.running.exchange(1); !x.Gone {
			t.Errorf("%+v", x)
		}
	})
}

func TestAPullWhoseClientLeftEndsAllTheSame(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		w.send("/api/pull", pullM).leave()
		wait(10 * time.Second)
		w.wantModel("m", "a b c", "a b c")
		if strings.Contains(w.state(), `"what": "pull"`) {
			t.Error("it is still listed as under way")
		}
	})
}

func TestTwoClientsThatPullTheSameAreOneRequestAServer(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		one, two := w.begin("/api/pull", pullM), w.begin("/api/pull", `{"model":"registry.ollama.ai/library/M:latest","stream":false}`)
		one.end().wantFinal(t, `{"status":"success"}`)
		two.end().want(t, 200, `{"status":"success"}`)
		if n := w.count("/api/pull"); n != 3 {
			t.Errorf("%d requests", n)
		}
		w.post("/api/pull", pullM).wantFinal(t, `{"status":"success"}`) // once it is over another one begins
		if n := w.count("/api/pull"); n != 6 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestMoreThanThirtyTwoPullsOnOneServerAreRefused(t *testing.T) {
	pretend(t, "connections: {a: 'http://a.localhost'}\nmodels: {'m*': a}\n", map[string]ollamatest.Options{"a": {Pace: time.Second}}, func(t *testing.T, w *world) {
		var all []*underWay
		for i := range 32 {
			all = append(all, w.send("/api/pull", fmt.Sprintf(`{"model":"m%d"}`, i)))
		}
		late := w.post("/api/pull", `{"model":"m32","stream":false}`)
		late.want(t, 503, "not pulled on a (it has 32 pulls under way: wait for one to end)")
		joined := w.send("/api/pull", `{"model":"m7"}`)
		for _, a := range append(all, joined) {
			a.end().wantFinal(t, `{"status":"success"}`)
		}
		w.post("/api/pull", `{"model":"m32","stream":false}`).want(t, 200, "success")
		if n := w.count("/api/pull"); n != 33 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestAClientIsToldHonestlyWhenGollamasStopsInAPull(t *testing.T) {
	for stream, want := range map[string]int{"true": 200, "false": 503} {
		t.Run("stream "+stream, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				a := w.send("/api/pull", `{"model":"m","stream":`+stream+`}`)
				wait(1500 * time.Millisecond)
				w.stop()
				w.now()
				<-a.over
				a.want(t, want, `{"error":"`)
				if !strings.Contains(a.final(), "gollamas is stopping") || strings.Contains(a.body, "success") || a.took > 4*time.Second {
					t.Errorf("in %v: %s", a.took, a.body)
				}
				if err := <-w.done; err != nil {
					t.Error(err)
				}
				w.done <- nil // pretend waits as well
				for _, host := range []string{"a", "b", "c"} {
					if strings.Contains(w.peek(host, "/api/tags"), `"name":"m:latest"`) {
						t.Errorf("%s was pulled to", host)
					}
				}
			})
		})
	}
}
