package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

// holds says whether a box has a model in memory, now.
func (w *world) holds(host, model string) bool {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "GET", "http://localhost/api/ps", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	got := roundTrip(req, w.box(host).current(), io.Discard)
	if got.status != 200 {
		w.t.Fatalf("%s: %d %v", host, got.status, got.err)
	}
	return strings.Contains(got.body, `"`+model+`:latest"`)
}

// wantHeld wants a box to have a model in memory for so long, looked at every 100 ms.
func (w *world) wantHeld(host, model string, long time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(long); time.Now().Before(end); wait(100 * time.Millisecond) {
		if !w.holds(host, model) {
			w.t.Fatalf("at %v %s is not in memory", time.Now(), model)
		}
	}
}

// pings are the bodies of the empty requests that a box got behind the first, which loads.
func (b *box) pings() (out []string) {
	for i, q := range asked(b.Server, "/api/generate") {
		if i > 0 {
			out = append(out, string(q.Body))
		}
	}
	return out
}

func TestWithPingsAModelNeverLeavesMemoryHoweverShortItsKeepAlive(t *testing.T) {
	for name, c := range map[string]struct {
		rules, ping string
		server      time.Duration
	}{
		"by rule":           {"keep_alive: 1s, num_ctx: 8192", `{"model":"m:latest","keep_alive":"1s","options":{"num_ctx":8192},"stream":false}`, 0},
		"enforced":          {"keep_alive: {enforce: 1s}", `{"model":"m:latest","keep_alive":"1s","stream":false}`, 0},
		"the server's own":  {"num_ctx: 8192", `{"model":"m:latest","options":{"num_ctx":8192},"stream":false}`, time.Second},
		"of nobody's doing": {"", `{"model":"m:latest","stream":false}`, time.Second},
	} {
		for _, version := range []string{"0.24.0", "0.33.0"} {
			t.Run(name+version, func(t *testing.T) {
				o := sized(0, "m=1")
				o.KeepAlive, o.Version = c.server, version
				file := onA + "models: {m: {routes: a, preload: true, " + c.rules + "}}\n"
				pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
					wait(3050 * time.Millisecond)
					w.wantHeld("a", "m", time.Minute)
					w.wantLoads("a", "m")
					pings := w.boxes["a"].pings()
					if n := len(pings); n < 80 || n > 241 {
						t.Errorf("%d pings in a minute", n)
					}
					for _, body := range pings {
						if body != c.ping {
							t.Errorf("a ping is %s, want %s", body, c.ping)
							break
						}
					}
				})
			})
		}
	}
}

func TestPingsAreAsSeldomAsTheSettingAllows(t *testing.T) {
	for ping, want := range map[string]int{"4m": 15, "1m": 60, "0": 0, "10m": 13} { // 10m is more than 5m leave, half a minute before
		t.Run(ping, func(t *testing.T) {
			file := onA + "models: {m: {routes: a, preload: true}}\nping: " + ping + "\n"
			pretend(t, file, map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
				wait(time.Hour + 10*time.Second)
				w.wantLoads("a", "m")
				if n := len(w.boxes["a"].pings()); n != want {
					t.Errorf("%d pings in an hour, not %d", n, want)
				}
				if ping == "0" && w.holds("a", "m") {
					t.Error("it is in memory still")
				}
			})
		})
	}
}

func TestAModelThatStaysForEverNeedsNoPing(t *testing.T) {
	for name, c := range map[string]struct {
		rule   string
		server time.Duration
	}{"by rule": {", keep_alive: -1", 0}, "the server's own": {"", -1}} {
		t.Run(name, func(t *testing.T) {
			o := sized(0, "m=1")
			o.KeepAlive = c.server
			file := onA + "models: {m: {routes: a, preload: true" + c.rule + "}}\n"
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				wait(6 * time.Hour)
				if n := len(w.boxes["a"].pings()); n > 0 || !w.holds("a", "m") {
					t.Errorf("%d pings", n)
				}
				w.post("/api/chat", about("m", `"keep_alive":"1m",`)).want(t, 200, `"done":true`)
				w.wantHeld("a", "m", 5*time.Minute) // a client has said less
				w.wantLoads("a", "m")
			})
		})
	}
}

func TestAModelThatIsBusyIsNotPinged(t *testing.T) {
	o := sized(0, "m=1")
	file := onA + "models: {m: {routes: a, preload: true, keep_alive: 4s}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		before := len(w.boxes["a"].pings())
		defer w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: 4 * time.Second})()
		a := w.send("/api/chat", about("m"))
		wait(50 * time.Second)
		if n := len(w.boxes["a"].pings()); n != before {
			t.Errorf("%d pings while it was busy", n-before)
		}
		a.end().want(t, 200, `"done":true`)
		w.wantHeld("a", "m", 30*time.Second)
		w.wantLoads("a", "m")
		if n := len(w.boxes["a"].pings()); n < before+10 {
			t.Errorf("%d pings behind that", n-before)
		}
	})
}

func TestAPingHasWhatTheRunnerHasAndNotWhatTheRuleSays(t *testing.T) {
	file := onA + "models: {m: {routes: a, preload: true, num_ctx: 8192, keep_alive: 20s}}\n"
	for name, c := range map[string]struct {
		ask  func(w *world)
		ping string
	}{
		"a client's own": {
			func(w *world) {
				w.post("/api/chat", about("m", `"options":{"num_ctx":2048,"num_batch":64,"temperature":1},`)).want(w.t, 200, `"done":true`)
			},
			`{"model":"m:latest","keep_alive":"20s","options":{"num_ctx":2048,"num_batch":64},"stream":false}`,
		},
		"of somebody who does not ask here": {
			func(w *world) { w.warm("a", "m", `"options":{"num_ctx":1024},"keep_alive":"20s",`) },
			`{"model":"m:latest","keep_alive":"20s","options":{"num_ctx":1024},"stream":false}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := sized(0, "m=1")
			o.Models[0].Load = -1 // a look during a load that others have done would show it gone
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				wait(63 * time.Second)
				w.boxes["a"].Reset()
				c.ask(w)
				wait(5 * time.Minute)
				w.wantLoads("a", "m") // for that one
				all := asked(w.boxes["a"].Server, "/api/generate")
				if n := len(all); n < 20 || string(all[n-1].Body) != c.ping {
					t.Errorf("%d pings, the last %s, want %s", n, all[n-1].Body, c.ping)
				}
			})
		})
	}
}

func TestAModelThatWasThereBeforeIsPingedAsItIs(t *testing.T) {
	file := onA + "models: {m: {routes: a, preload: true, num_ctx: 8192}}\n"
	o := sized(0, "m=1")
	o.Models[0].Load = -1
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		wait(10 * time.Second)
		w.boxes["a"].die() // as it returns, somebody has the model loaded before gollamas sees it
		wait(10 * time.Second)
		w.boxes["a"].rise(t)
		w.boxes["a"].Reset()
		w.direct("a", "/api/generate", `{"model":"m","options":{"num_ctx":1024}}`)
		wait(time.Hour)
		w.wantLoads("a", "m")
		if !w.holds("a", "m") {
			t.Error("it is not in memory")
		}
	})
}

func TestAPingDoesNotBringBackWhatHadToMakeRoom(t *testing.T) {
	for _, keep := range []string{"1s", "3s", "20s"} {
		t.Run(keep, func(t *testing.T) {
			o := sized(10, "m=6", "n=7")
			file := onA + "models: {m: {routes: a, preload: true, keep_alive: " + keep + "}, n: {routes: a, keep_alive: -1}}\n"
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				wait(10 * time.Second)
				w.direct("a", "/api/generate", `{"model":"m"}`) // a load at any moment between two pings
				w.talk("n", "a")
				wait(time.Hour)
				w.wantLoads("a", "m", "n")
			})
		})
	}
}

// A ping that the server does not answer is tried again, and that holds up nothing else.
func TestAPingThatFailsIsTriedAgainInTime(t *testing.T) {
	file := onA + "models: {m: {routes: a, preload: true, keep_alive: 1m}, n: {routes: a, preload: true, keep_alive: 1m}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": sized(0, "m=1", "n=1")}, func(t *testing.T, w *world) {
		wait(20 * time.Second)
		w.boxes["a"].Reset()
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Refuse, Path: "/api/generate", Model: "m", Times: 2})
		for range 6 {
			wait(30 * time.Second)
			for _, m := range []string{"m", "n"} {
				if !w.holds("a", m) {
					t.Errorf("%s has left", m)
				}
			}
		}
		w.wantLoads("a")
		if n := len(asked(w.boxes["a"].Server, "/api/generate")); n > 20 {
			t.Errorf("%d pings in three minutes", n)
		}
	})
}

func TestTwoNamesOfOneModelThatFightAreNamedInTheState(t *testing.T) {
	for name, weights := range map[string]string{"one model's weights": strings.Repeat("ab", 32), "two models": ""} {
		t.Run(name, func(t *testing.T) {
			o := sized(10, "m=6", "n=6")
			o.Models[0].Weights, o.Models[1].Weights = weights, weights
			o.Models[1].NumCtx = 8192
			pretend(t, onA+"models: {m: a, n: a}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				fights := func() string { return w.note(0, "fight") }
				for i := range 8 {
					w.talk([]string{"m", "n"}[i%2], "a")
					wait(20 * time.Second)
					if i < 4 && fights() != "" {
						t.Errorf("noted after %d: %s", i, fights())
					}
				}
				synctest.Wait()
				want := ""
				if weights != "" {
					want = "m:latest and n:latest are one model's weights, loaded with different options in turn: " +
						"each puts the other out of memory. Give both the same num_ctx with a rule, or use only one of them"
				}
				if got := fights(); got != want {
					t.Errorf("noted: %q, want %q", got, want)
				}
				if n := w.logged(`"two names of one model's weights put each other out of memory`, `"models":"m:latest, n:latest"`, `"server":"a"`); n != len(want)/max(len(want), 1) {
					t.Errorf("%d lines\n%s", n, w.log)
				}
				if n := len(asked(w.boxes["a"].Server, "/api/show")); n != 2 {
					t.Errorf("its weights were asked for %d times", n)
				}
				wait(11 * time.Minute)
				if got := fights(); got != "" {
					t.Errorf("noted still: %q", got)
				}
			})
		})
	}
}

// found has a model in the memory of a server before gollamas knows of that server.
func (w *world) found(host string, o ollamatest.Options, load string) {
	w.t.Helper()
	w.add(host, o)
	w.direct(host, "/api/generate", load)
	w.move(nil, host)
	wait(20 * time.Second)
}

const onFarm = "connections: {a: 'http://a.localhost', f: 'dns+http://" + farm + "'}\n" + inOrder

// Before v0.30 Ollama compares the context that is asked for before it cuts that to what the model was trained
// for: to ask for what is shown would be a reload.
func TestAPingDoesNotReloadWhatSomebodyElseHasLoadedWithoutAContext(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} {
		t.Run(version, func(t *testing.T) {
			o := sized(0, "m=1")
			o.Version, o.Models[0].Context, o.Models[0].Load = version, 2048, -1
			file := onFarm + "models: {m: {routes: f, preload: true, keep_alive: 1m}}\n"
			pretend(t, file, nil, func(t *testing.T, w *world) {
				w.found("10.0.0.2", o, `{"model":"m","keep_alive":"1m"}`)
				for range 5 {
					wait(30 * time.Second)
					w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
				}
				wait(10 * time.Minute)
				for _, l := range w.boxes["10.0.0.2"].Loads() {
					if l.Reload != "" {
						t.Errorf("it was loaded again for %s: %+v", l.Reload, l)
					}
				}
			})
		})
	}
}

func TestPingsOfWhatOthersHaveLoadedAreNotTakenForWhatRequestsAskFor(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} {
		t.Run(version, func(t *testing.T) {
			o := sized(0, "m=1")
			o.Version, o.Models[0].Load = version, -1
			file := onFarm + "models: {m: {routes: [{connection: f, preload: true}, a], keep_alive: 1m}}\n"
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				w.found("10.0.0.2", o, `{"model":"m","keep_alive":"1m"}`)
				wait(2 * time.Minute)
				all := asked(w.boxes["10.0.0.2"].Server, "/api/generate")
				if last := string(all[len(all)-1].Body); last != `{"model":"m:latest","keep_alive":"1m0s","options":{"num_ctx":4096},"stream":false}` {
					t.Errorf("a ping is %s", last)
				}
				for range 3 {
					w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
					if x := w.last(); x.Place != "f" || x.Attempts[0].Load != fleet.LoadNone {
						t.Errorf("a plain request: %+v", x.Attempts)
					}
				}
				w.wantLoads("a")
				if f := w.facts(1, "m"); f.Loads != 0 || f.Reloads != 0 {
					t.Errorf("loads are counted: %+v", f)
				}
			})
		})
	}
}

// A look at such a server takes longer than what it shows stays fresh.
func TestAModelOnASlowServerNeverLeaves(t *testing.T) {
	for _, lag := range []time.Duration{300 * time.Millisecond, 400 * time.Millisecond, time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			file := onA + "models: {m: {routes: a, preload: true, keep_alive: 2m}}\n"
			pretend(t, file, map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
				wait(20 * time.Second)
				w.boxes["a"].lag.Store(int64(lag))
				w.wantHeld("a", "m", 20*time.Minute)
				w.wantLoads("a", "m")
				if n := len(w.boxes["a"].pings()); n < 10 || n > 25 {
					t.Errorf("%d pings in 20 minutes", n)
				}
			})
		})
	}
}

func TestAClientsVeryShortKeepAliveIsNotPingedForEver(t *testing.T) {
	for _, keep := range []string{"500ms", "600ms", "1s", "9s"} {
		t.Run(keep, func(t *testing.T) {
			pretend(t, onA+"models: {m: {routes: a, preload: true}}\n", map[string]ollamatest.Options{"a": sized(0, "m=1")}, func(t *testing.T, w *world) {
				wait(20 * time.Second)
				w.post("/api/chat", about("m", `"keep_alive":"`+keep+`",`)).want(t, 200, `"done":true`)
				looks, pings := len(asked(w.boxes["a"].Server, "/api/ps")), len(w.boxes["a"].pings())
				wait(10 * time.Minute)
				if n := len(w.boxes["a"].pings()) - pings; n > 5 {
					t.Errorf("%d pings in ten minutes", n)
				}
				if n := len(asked(w.boxes["a"].Server, "/api/ps")) - looks; n > 150 { // with one in 5 s it is 120
					t.Errorf("%d looks in ten minutes", n)
				}
				w.wantLoads("a", "m")
				if !w.holds("a", "m") {
					t.Error("it has left")
				}
			})
		})
	}
}
