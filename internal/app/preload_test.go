package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

const onA = "connections: {a: 'http://a.localhost'}\n"

// sized are the options of a server with models of so many GiB each, which take three seconds to load.
func sized(memory int, models ...string) ollamatest.Options {
	o := ollamatest.Options{Version: "0.33.0", Parallel: 100, Pace: time.Millisecond, Load: 3 * time.Second, Memory: int64(memory) << 30}
	for _, m := range models {
		var gib int64
		name, rest, _ := strings.Cut(m, "=")
		fmt.Sscan(rest, &gib)
		o.Models = append(o.Models, ollamatest.Model{Name: name, Size: gib << 30})
	}
	return o
}

// loads are the names of the models that a box has loaded so far, in order.
func (b *box) loads() (out []string) {
	for _, l := range b.Loads() {
		out = append(out, strings.TrimSuffix(l.Model, ":latest"))
	}
	return out
}

// wantLoads wants a box to have loaded just these, in this order.
func (w *world) wantLoads(host string, want ...string) {
	w.t.Helper()
	if got := w.boxes[host].loads(); !slices.Equal(got, want) {
		w.t.Errorf("%s has loaded %v, not %v\n%s", host, got, want, w.log)
	}
}

// notes are what is noted for the operator of a topic, of the n-th connection.
func (w *world) note(n int, topic string) string {
	for _, note := range w.server(n).Notes() {
		if note.Topic == topic {
			return note.Text
		}
	}
	return ""
}

func TestModelsArePreloadedSmallestFirstAndOneAtATime(t *testing.T) {
	o := sized(0, "big=9", "small=1", "mid=4", "other=1")
	file := onA + "models: {big: {routes: a, preload: true}, small: {routes: a, preload: true}, mid: {routes: a, preload: true}, other: a}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(20 * time.Second)
		w.wantLoads("a", "small", "mid", "big")
		var end time.Time
		for _, l := range w.boxes["a"].Loads() {
			if l.At.Before(end) {
				t.Errorf("%s began to load before the last was there", l.Model)
			}
			end = l.At.Add(l.Took)
		}
		for _, q := range asked(w.boxes["a"].Server, "/api/generate") {
			if before := w.boxes["a"].Loads()[0]; q.At.After(before.At) && q.At.Before(before.At.Add(before.Took)) {
				t.Errorf("asked while another load was under way: %s", q.Body)
			}
		}
		for _, m := range []string{"small", "mid", "big"} {
			if w.logged(`"preloaded"`, `"model":"`+m+`"`, `"server":"a"`, `"took"`) != 1 {
				t.Errorf("not one line says that %s was preloaded\n%s", m, w.log)
			}
		}
		if n := w.note(0, "preload"); n != "" {
			t.Errorf("noted: %s", n)
		}
	})
}

func TestAPreloadIsAsTheRulesHaveIt(t *testing.T) {
	o := sized(0, "m=1")
	file := onA + "models: {m: {routes: a, preload: true, num_ctx: 8192, keep_alive: {enforce: 1h}}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		w.wantLoads("a", "m")
		all := asked(w.boxes["a"].Server, "/api/generate")
		if want := `{"model":"m:latest","keep_alive":"1h0m0s","options":{"num_ctx":8192},"stream":false}`; len(all) != 1 || string(all[0].Body) != want {
			t.Errorf("%d requests, the first %s, want %s", len(all), all[0].Body, want)
		}
		if m := w.server(0).State().Loaded; len(m) != 1 || m[0].NumCtx != 8192 {
			t.Errorf("loaded: %+v", m)
		}
	})
}

func TestEmbeddingModelsArePreloadedAndPinged(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} { // only the second one says that it embeds
		t.Run(version, func(t *testing.T) {
			o := sized(0, "m=1")
			o.Version, o.Models[0].Capabilities = version, []string{"embedding"}
			pretend(t, onA+"models: {m: {routes: a, preload: true, keep_alive: 20s}}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				wait(2 * time.Minute)
				w.wantLoads("a", "m")
				if n := len(asked(w.boxes["a"].Server, "/api/embed")); n < 8 || n > 14 {
					t.Errorf("%d requests to embed nothing", n)
				}
				if n := len(asked(w.boxes["a"].Server, "/api/generate")); version == "0.33.0" && n > 0 || n > 1 {
					t.Errorf("it was asked to talk %d times", n)
				}
			})
		})
	}
}

func TestPreloadedModelsOfAServerThatRestartsAreBackWithoutARequest(t *testing.T) {
	o := sized(0, "m=1", "n=2")
	file := onA + "models: {m: {routes: a, preload: true}, n: {routes: a, preload: true}}\n"
	for name, restart := range map[string]func(*testing.T, *box){
		"slowly": func(t *testing.T, b *box) {
			b.die()
			wait(20 * time.Second)
			b.rise(t)
		},
		"within a look's interval": func(t *testing.T, b *box) {
			b.die()
			b.rise(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				wait(30 * time.Second)
				w.wantLoads("a", "m", "n")
				for range 2 {
					w.boxes["a"].Reset()
					restart(t, w.boxes["a"])
					wait(15 * time.Second)
					w.wantLoads("a", "m", "n")
					wait(15 * time.Minute)
					w.wantLoads("a", "m", "n")
				}
			})
		})
	}
}

func TestAModelThatKeepsLeavingWithoutAReasonIsNotLoadedOverAndOver(t *testing.T) {
	pretend(t, onA+"models: {m: {routes: a, preload: true}}\n", map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
		for range 120 { // for an hour the server is restarted twice a minute, and nobody sees it go
			w.boxes["a"].die()
			w.boxes["a"].rise(t)
			wait(30 * time.Second)
		}
		if n := len(w.boxes["a"].loads()); n < 4 || n > 12 {
			t.Errorf("%d loads in an hour", n)
		}
	})
}

func TestWhatDoesNotFitIsSaidOnceAndTriedAgainWhenSomethingChanges(t *testing.T) {
	o := sized(10, "small=6", "big=7")
	file := onA + "models: {small: {routes: a, preload: true, keep_alive: -1}, big: {routes: a, preload: true, keep_alive: -1}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(6 * time.Hour)
		w.wantLoads("a", "small", "big") // that they do not fit shows only then, and big stays
		said := `"not preloaded: the server had to unload something for it (for lack of memory, or by OLLAMA_MAX_LOADED_MODELS); tried again when what is loaded there changes"`
		if n := w.logged(said, `"model":"small"`, `"server":"a"`, `"needs":"6.0 GiB"`, `"loaded":"big:latest"`, `"taken":"7.0 GiB"`); n != 1 || w.logged(said) != 1 {
			t.Errorf("%d lines say that it does not fit\n%s", n, w.log)
		}
		if got, want := w.note(0, "preload"), "small (6.0 GiB) does not fit beside big:latest"; got != want {
			t.Errorf("noted: %q, want %q", got, want)
		}
		w.post("/api/generate", `{"model":"big","keep_alive":0}`).want(t, 200, `"unload"`)
		wait(15 * time.Second)
		w.wantLoads("a", "small", "big", "small")
		if got, want := w.note(0, "preload"), "big was unloaded by a client, and comes back when it is used or the server returns"; got != want {
			t.Errorf("noted: %q, want %q", got, want)
		}
		wait(6 * time.Hour)
		w.wantLoads("a", "small", "big", "small")
	})
}

func TestTwoPreloadedModelsThatDoNotFitTogetherDoNotPushEachOtherOut(t *testing.T) {
	for _, keep := range []string{"", ", keep_alive: 1s", ", keep_alive: 1h", ", keep_alive: -1"} {
		for _, version := range []string{"0.24.0", "0.33.0"} {
			t.Run(version+keep, func(t *testing.T) {
				o := sized(10, "m=6", "n=7")
				o.Version = version
				file := onA + "models: {m: {routes: a, preload: true" + keep + "}, n: {routes: a, preload: true" + keep + "}}\n"
				pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
					wait(time.Hour)
					w.wantLoads("a", "m", "n")
					for range 5 { // clients may change what is there; that is all
						w.talk("m", "a")
						wait(20 * time.Minute)
						w.talk("n", "a")
						wait(20 * time.Minute)
					}
					if n := len(w.boxes["a"].loads()); n != 12 {
						t.Errorf("%d loads: %v", n, w.boxes["a"].loads())
					}
				})
			})
		}
	}
}

func TestAPreloadDoesNotPushOutWhatClientsUse(t *testing.T) {
	o := sized(10, "m=6", "n=7")
	file := onA + "models: {m: {routes: a, preload: true}, n: a}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		w.wantLoads("a", "m")
		for range 60 { // it makes m go, and is in use
			w.talk("n", "a")
			wait(50 * time.Second)
		}
		w.wantLoads("a", "m", "n")
		wait(6 * time.Minute) // its time is over
		w.wantLoads("a", "m", "n", "m")
	})
}

func TestAPreloadThatMayNotFitWaitsForClientsToPause(t *testing.T) {
	o := sized(10, "m=6", "n=7")
	o.Models = o.Models[1:]
	file := onA + "models: {m: {routes: a, preload: true}, n: {routes: a, keep_alive: -1}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		w.talk("n", "a")
		w.boxes["a"].Install(ollamatest.Model{Name: "m", Size: 6 << 30})
		for range 60 {
			w.talk("n", "a")
			wait(50 * time.Second)
		}
		w.wantLoads("a", "n")
		wait(time.Minute)
		w.wantLoads("a", "n", "m")
		if n := w.logged(`"not preloaded`); n != 1 {
			t.Errorf("%d lines\n%s", n, w.log)
		}
	})
}

func TestAPreloadedModelThatAClientUnloadsStaysAwayUntilTheServerReturnsOrItIsUsed(t *testing.T) {
	file := onA + "models: {m: {routes: a, preload: true}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
		wait(15 * time.Second)
		stop := func() {
			w.boxes["a"].Reset()
			w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, `"unload"`)
			wait(time.Hour)
			w.wantLoads("a")
		}
		stop()
		w.boxes["a"].die()
		wait(10 * time.Second)
		w.boxes["a"].rise(t)
		wait(15 * time.Second)
		w.wantLoads("a", "m")
		stop()
		w.talk("m", "a")
		wait(time.Hour)
		w.wantLoads("a", "m")
		if n := len(asked(w.boxes["a"].Server, "/api/generate")); n < 10 {
			t.Errorf("it was renewed %d times in an hour", n)
		}
	})
}

func TestALoadThatFailsIsNotHammered(t *testing.T) {
	pretend(t, onA+"models: {m: {routes: a, preload: true}}\n", map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		mend := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading})
		w.boxes["a"].die()
		w.boxes["a"].rise(t)
		w.boxes["a"].Reset()
		wait(2 * time.Hour)
		if n := len(w.boxes["a"].loads()); n < 8 || n > 13 { // after 1, 2, 4, 8 and then every 15 minutes
			t.Errorf("%d loads in two hours", n)
		}
		if got := w.note(0, "preload"); !strings.HasPrefix(got, "m could not be loaded (status 500: ") {
			t.Errorf("noted: %q", got)
		}
		mend()
		wait(16 * time.Minute)
		if m := w.server(0).State().Loaded; len(m) != 1 || w.note(0, "preload") != "" {
			t.Errorf("loaded: %v, noted: %q", m, w.note(0, "preload"))
		}
	})
}

func TestOnlyMarkedRoutesArePreloaded(t *testing.T) {
	file := aAndB + "models: {m: {routes: [{connection: a, preload: true}, b], preload: true}, n: {routes: [a, b], preload: true}, o: [a, b]}\n"
	pretend(t, file, both(sized(0, "m=1", "n=2", "o=1")), func(t *testing.T, w *world) {
		wait(time.Minute)
		w.wantLoads("a", "m", "n")
		w.wantLoads("b", "n")
	})
}

func TestServersThatAreFoundLaterArePreloadedToo(t *testing.T) {
	file := "connections: {f: 'dns+http://" + farm + "'}\nmodels: {m: {routes: f, preload: true}}\n"
	o := sized(0, "m=1")
	pretend(t, file, map[string]ollamatest.Options{"10.0.0.1": o, "10.0.0.2": o}, func(t *testing.T, w *world) {
		w.move(nil, "10.0.0.1")
		wait(20 * time.Second)
		w.wantLoads("10.0.0.1", "m")
		w.move(nil, "10.0.0.2")
		wait(20 * time.Second)
		w.boxes["10.0.0.1"].Reset()
		w.boxes["10.0.0.2"].Reset()
		wait(time.Hour)
		if n := len(asked(w.boxes["10.0.0.1"].Server, "/api/generate")); n > 0 {
			t.Errorf("a server that is gone was asked %d times", n)
		}
		if n := len(asked(w.boxes["10.0.0.2"].Server, "/api/generate")); n < 10 {
			t.Errorf("the one there is was pinged %d times", n)
		}
	})
}

func TestWhatCannotBePreloadedIsSaidOnce(t *testing.T) {
	o := sized(0, "n=1")
	o.Models = append(o.Models, ollamatest.Model{Name: "stub", RemoteHost: "https://ollama.com", RemoteModel: "big"})
	file := onA + "models: {m: {routes: a, preload: true}, stub: {routes: a, preload: true}, n: {routes: a, preload: true, keep_alive: 0}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(time.Hour)
		w.wantLoads("a")
		if n := len(asked(w.boxes["a"].Server, "/api/generate")); n > 0 {
			t.Errorf("%d requests", n)
		}
		for _, line := range []string{`"not preloaded yet: the server does not have it","model":"m","server":"a"`,
			`"not preloaded: it is a stub for a model elsewhere","model":"stub","server":"a","host":"https://ollama.com"`,
			`"not preloaded: a rule has its keep_alive be 0, so it would leave memory at once","model":"n","connection":"a"`} {
			if n := w.logged(line); n != 1 {
				t.Errorf("%d lines have %s\n%s", n, line, w.log)
			}
		}
		if got, want := w.note(0, "preload"), "m is not installed; stub is a stub for a model on https://ollama.com"; got != want {
			t.Errorf("noted: %q, want %q", got, want)
		}
		w.boxes["a"].Install(ollamatest.Model{Name: "m"})
		wait(10 * time.Second)
		w.wantLoads("a", "m")
	})
}

func TestAPreloadedModelWithAnotherContextThanAnEnforcedRuleIsLoadedAgainWhenNobodyUsesIt(t *testing.T) {
	file := onA + "models: {m: {routes: a, preload: true, keep_alive: -1, num_ctx: {enforce: 8192}}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		w.direct("a", "/api/chat", about("m", size(2048))) // past gollamas
		wait(20 * time.Second)
		if list := w.peek("a", "/api/ps"); !strings.Contains(list, `"context_length":8192`) {
			t.Errorf("it is still %s", list)
		}
		wait(time.Hour)
		if n := len(w.boxes["a"].Loads()); n != 3 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestWhatClientsAskForStaysWhereARuleIsOnlyADefault(t *testing.T) {
	file := onA + "models: {m: {routes: a, preload: true, keep_alive: -1, num_ctx: 8192}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		w.post("/api/chat", about("m", size(2048))).want(t, 200, `"done":true`)
		wait(2 * time.Hour)
		if n := len(w.boxes["a"].Loads()); n != 2 {
			t.Errorf("%d loads: %+v\n%s", n, w.boxes["a"].Loads(), w.log)
		}
	})
}

// Since v0.30 a server lists nothing of a model while it loads it.
func TestAPreloadedModelThatAClientHasLoadedAgainIsNotLoadedOnceMore(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} {
		for name, more := range map[string]string{"alone": "", "beside another": ", n: {routes: a, preload: true}"} {
			t.Run(version+name, func(t *testing.T) {
				o := sized(10, "m=6", "n=1")
				o.Version, o.Load = version, 30*time.Second
				pretend(t, onA+"models: {m: {routes: a, preload: true}"+more+"}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
					wait(2 * time.Minute)
					before := w.boxes["a"].loads()
					for i := range 4 {
						a := w.post("/api/chat", about("m", size(2048*(1+i%2))))
						a.want(t, 200, `"done":true`)
						wait(time.Duration(i) * 10 * time.Second)
					}
					w.impatient("/api/chat", about("m", size(1024)), time.Second).end()
					wait(20 * time.Minute)
					w.wantLoads("a", append(before, "m", "m", "m", "m", "m")...)
					if n := w.note(0, "preload"); n != "" || w.logged("not preloaded") != 0 {
						t.Errorf("noted: %s\n%s", n, w.log)
					}
				})
			})
		}
	}
}

func TestThatAClientHadAPreloadedModelUnloadedIsSaidUntilItIsBack(t *testing.T) {
	const said = `"a client had a preloaded model unloaded: it comes back when it is used or the server returns"`
	for name, back := range map[string]func(t *testing.T, w *world){
		"it is used":         func(_ *testing.T, w *world) { w.talk("m", "a") },
		"somebody loads it":  func(_ *testing.T, w *world) { w.direct("a", "/api/generate", `{"model":"m"}`) },
		"the server returns": func(t *testing.T, w *world) { w.boxes["a"].die(); wait(20 * time.Second); w.boxes["a"].rise(t) },
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, onA+"models: {m: {routes: a, preload: true}}\n", map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
				wait(15 * time.Second)
				w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, `"unload"`)
				for range 3 {
					wait(10 * time.Minute)
					if got, want := w.note(0, "preload"), "m was unloaded by a client, and comes back when it is used or the server returns"; got != want {
						t.Errorf("noted: %q, want %q", got, want)
					}
				}
				if w.logged(said) != 1 || w.logged(said, `"INFO"`, `"model":"m"`, `"server":"a"`) != 1 {
					t.Errorf("not one line says so\n%s", w.log)
				}
				back(t, w)
				wait(20 * time.Second)
				if got := w.note(0, "preload"); got != "" || !w.holds("a", "m") {
					t.Errorf("noted: %q", got)
				}
			})
		})
	}
}
