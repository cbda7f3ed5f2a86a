package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/ollamatest"
)

// avoided are the reloads avoided, by the option, that the last n exchanges tell of.
func (w *world) avoided(n int) (out []string) {
	w.last()
	w.running.mu.Lock()
	defer w.running.mu.Unlock()
	for _, x := range w.exchanges[len(w.exchanges)-n:] {
		for _, a := range x.Attempts {
			if a.Avoids != "" {
				out = append(out, a.Avoids)
			}
		}
	}
	return out
}

const sizedOnA = "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], num_ctx: {enforce: 8192}}}\n"

func TestAReloadIsAvoidedOnlyWhereAClientAsksForSomethingElseThanTheOneBefore(t *testing.T) {
	for what, all := range map[string][]struct{ path, body string }{
		"natively":  {{"/api/chat", about("m")}},
		"on /v1":    {{"/v1/chat/completions", about("m")}},
		"on both":   {{"/v1/chat/completions", about("m")}, {"/api/chat", about("m")}},
		"with size": {{"/api/chat", about("m", size(2048))}},
	} {
		t.Run(what, func(t *testing.T) {
			pretend(t, sizedOnA, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
				for i := range 20 {
					q := all[i%len(all)]
					w.post(q.path, q.body).want(t, 200, "")
				}
				if got := w.avoided(20); got != nil {
					t.Errorf("twenty requests alike have avoided %q", got)
				}
			})
		})
	}
	t.Run("by turns", func(t *testing.T) {
		pretend(t, sizedOnA, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
			for range 5 {
				w.post("/api/chat", about("m", size(2048))).want(t, 200, "")
				w.post("/v1/chat/completions", about("m")).want(t, 200, "")
			}
			if got := w.avoided(10); len(got) != 9 || got[0] != "num_ctx" {
				t.Errorf("ten requests by turns have avoided %q", got)
			}
			w.wantNLoads("a", 1)
		})
	})
}

func TestToSayWhatOllamaHasAnywayIsToSayNothing(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		all := []string{"", `"options":{"num_batch":512},`, `"options":{"num_batch":512.0},`, `"options":{"num_batch":512,"num_gpu":-1,"main_gpu":0,"num_thread":0},`}
		w.post("/api/chat", about("m", all[1])).want(t, 200, "")
		for i := range 3 * len(all) {
			n := len(asked(w.boxes["a"].Server, "/api/generate"))
			w.post("/api/chat", about("m", all[i%len(all)])).want(t, 200, "")
			if at := w.last().Attempts; len(at) != 1 || at[0].Load.String() != "" || at[0].Fault != "" {
				t.Errorf("%q: %+v", all[i%len(all)], at)
			}
			if more := len(asked(w.boxes["a"].Server, "/api/generate")) - n; more != 0 {
				t.Errorf("%q cost %d requests to load", all[i%len(all)], more)
			}
		}
		if f := w.facts(0, "m"); f.Reloads != 0 || f.Loads != 1 {
			t.Errorf("%+v", f)
		}
		w.wantNLoads("a", 1)
	})
}

func TestAContextBelowTheLeastIsLoadedAsOllamaDoes(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], num_ctx: 8192}}\n"
	for _, n := range []int{0, -1, 2} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
				body := about("m", size(n))
				for range 3 {
					w.post("/api/chat", body).want(t, 200, "")
					if got := w.boxes["a"].got("/api/chat"); got != body {
						t.Errorf("the server got %s", got)
					}
				}
				if all := w.boxes["a"].Loads(); len(all) != 1 || all[0].NumCtx != 4 {
					t.Errorf("%+v", all)
				}
				if load := w.boxes["a"].got("/api/generate"); !strings.Contains(load, `"num_ctx":4`) {
					t.Errorf("gollamas has loaded %s", load)
				}
				if f := w.facts(0, "m"); f.Reloads != 0 {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

func TestAHugeOptionIsNotKeptAndHasNothingLoaded(t *testing.T) {
	file := aloneOnA + "max_body: 64MiB\n"
	for what, value := range map[string]string{
		"array": "[" + strings.Repeat("1,", 3<<20) + "1]", "number": "0." + strings.Repeat("1", 1<<20), "digits": strings.Repeat("1", 1<<20),
	} {
		for _, option := range []string{"num_batch", "num_ctx"} {
			t.Run(what+option, func(t *testing.T) {
				pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
					if a := w.post("/api/chat", about("m", `"options":{"`+option+`":`+value+`},`)); a.status == 413 {
						t.Fatal(a.body)
					}
					if n := w.boxes["a"].toLoad("m"); n != 0 {
						t.Errorf("%d loads of gollamas' own", n)
					}
					wait(interval)
					if n := len(fmt.Sprintf("%+v", *w.facts(0, "m"))); n > 8192 {
						t.Errorf("the facts have %d characters", n)
					}
					if n := len(fmt.Sprintf("%+v %+v", *w.server(0).State(), w.server(0).Notes())); n > 64<<10 {
						t.Errorf("the state has %d characters", n)
					}
				})
			})
		}
	}
}

func TestARequestThatTheGuardMovesIsAnsweredAlikeUnderEachPolicy(t *testing.T) {
	for _, policy := range balance.Names {
		t.Run(policy, func(t *testing.T) {
			pretend(t, "balance: "+policy+"\n"+twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
				w.warm("a", "m", size(2048))
				w.warm("b", "m", size(8192))
				body := about("m", size(8192), once)
				for range 4 {
					a := w.post("/api/chat", body)
					if own := w.ownAnswer("b", "/api/chat", body); a.by() != "b" || masked(a.reply) != masked(own) {
						t.Errorf("%q answers %s\nwant b and %s", a.by(), masked(a.reply), masked(own))
					}
				}
				if w.loads() != 2 {
					t.Errorf("%d loads", w.loads())
				}
			})
		})
	}
}
