package app

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

const aloneOnA = "connections: {a: 'http://a.localhost'}\nmodels: {m: a, n: a}\n"

// slowly is a server on which m takes so long to load.
func slowly(load time.Duration) ollamatest.Options {
	o := paced(100 * time.Millisecond)
	o.Models[0].Load = load
	return o
}

// impatient asks and leaves after so long.
func (w *world) impatient(path, body string, patience time.Duration) *underWay {
	a := w.send(path, body)
	go func() {
		time.Sleep(patience)
		a.leave()
	}()
	return a
}

// wantNLoads holds that a box has loaded so often, and none of it for nothing.
func (w *world) wantNLoads(host string, n int) {
	w.t.Helper()
	all := w.boxes[host].Loads()
	if len(all) != n {
		w.t.Errorf("%d loads on %s, not %d: %+v", len(all), host, n, all)
	}
	for _, l := range all {
		if l.Aborted {
			w.t.Errorf("a load was aborted: %+v", l)
		}
	}
}

func TestImpatientClientsAtOnceCostOneLoadThatIsFinished(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(10 * time.Second)}, func(t *testing.T, w *world) {
		var all []*underWay
		for range 5 {
			all = append(all, w.impatient("/api/chat", about("m"), 2*time.Second))
		}
		for _, a := range all {
			if a.end(); a.took > 3*time.Second {
				t.Errorf("it was there for %v", a.took)
			}
		}
		wait(10 * time.Second)
		if a := w.post("/api/chat", about("m", once)); a.status != 200 || a.took > time.Second {
			t.Errorf("the sixth: %d after %v", a.status, a.took)
		}
		w.wantNLoads("a", 1)
	})
}

func TestImpatientClientsOneAfterAnotherGetTheirModelLoaded(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(10 * time.Second)}, func(t *testing.T, w *world) {
		answered := 0
		for _, path := range []string{"/api/chat", "/v1/chat/completions", "/api/generate", "/v1/messages", "/v1/completions"} {
			body := about("m", `"max_tokens":9,"prompt":"x",`)
			a := w.impatient(path, body, 2*time.Second)
			if a.end().status == 200 {
				answered++
			}
		}
		wait(time.Second)
		if a := w.post("/api/chat", about("m", once)); a.status != 200 || a.took > time.Second {
			t.Errorf("the sixth: %d after %v", a.status, a.took)
		}
		w.wantNLoads("a", 1)
		if answered > 0 {
			t.Errorf("%d were answered before the model was loaded", answered)
		}
	})
}

// Without gollamas the very same clients never get their model: it is what the two tests above are for.
func TestWithoutGollamasImpatientClientsNeverGetTheirModel(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(10 * time.Second)}, func(t *testing.T, w *world) {
		for range 5 {
			w.impatientOf(w.boxes["a"].current(), about("m"), 2*time.Second)
		}
		for _, l := range w.boxes["a"].Loads() {
			if !l.Aborted {
				t.Errorf("%+v", l)
			}
		}
		if n := len(w.boxes["a"].Loads()); n != 5 {
			t.Errorf("%d loads were begun", n)
		}
	})
}

func TestAFailedLoadReachesAllWhoWaitAfterTheOtherServersWereTried(t *testing.T) {
	for path, want := range map[string]string{
		"/api/chat":            `{"error":"llama runner process has terminated`,
		"/v1/chat/completions": `{"error":{"message":"llama runner process has terminated`,
		"/v1/messages":         `{"type":"error","error":{"type":"api_error","message":"llama runner process has terminated`,
	} {
		t.Run(path, func(t *testing.T) {
			file := inOrder + "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c]}\n"
			boxes := both(slowly(5 * time.Second))
			boxes["c"] = boxes["a"]
			pretend(t, file, boxes, func(t *testing.T, w *world) {
				for _, b := range w.boxes {
					b.Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Body: "llama runner process has terminated: exit status 2"})
				}
				var all []*underWay
				for range 4 {
					all = append(all, w.send(path, about("m", `"max_tokens":9,`)))
				}
				for _, a := range all {
					a.end().want(t, 500, want)
				}
				for host, b := range w.boxes {
					if n := len(b.Loads()); n != 1 {
						t.Errorf("%d loads on %s", n, host)
					}
				}
				if f := w.facts(0, "m"); f.Breaker.Failures != 1 || f.Held != 0 || !f.Loading.IsZero() {
					t.Errorf("one failed load is %+v", f)
				}
			})
		})
	}
}

func TestALoadThatTakesTooLongIsToldAndGoesOn(t *testing.T) {
	file := aloneOnA + "load_wait: 30s\n"
	pretend(t, file, map[string]ollamatest.Options{"a": slowly(2 * time.Minute)}, func(t *testing.T, w *world) {
		for _, path := range []string{"/api/chat", "/v1/chat/completions"} {
			a := w.post(path, about("m"))
			if a.want(t, 503, `is being loaded on a, for `); a.took != 30*time.Second || a.header.Get("Retry-After") == "" {
				t.Errorf("%s: after %v, Retry-After %q", path, a.took, a.header.Get("Retry-After"))
			}
		}
		if x := w.last(); x.Loading != 30*time.Second || x.Attempts[0].Why != "loading" {
			t.Errorf("%+v", x)
		}
		wait(61 * time.Second)
		if a := w.post("/api/chat", about("m", once)); a.status != 200 || a.took > time.Second {
			t.Errorf("%d after %v", a.status, a.took)
		}
		w.wantNLoads("a", 1)
	})
}

func TestHowFarALoadIsIsToldByWhatItUsuallyTakes(t *testing.T) {
	file := aloneOnA + "load_wait: 30s\n"
	o := slowly(20 * time.Second)
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		w.talk("m", "a")
		w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, "unload")
		m := o.Models[0]
		m.Load = time.Minute
		w.boxes["a"].Install(m)
		a := w.post("/api/chat", about("m"))
		a.want(t, 503, "for 30s so far; it usually takes about 20s")
	})
}

func TestALoadIsNotWaitedForWhenGollamasStops(t *testing.T) {
	pretend(t, aloneOnA+"drain: 1s\n", map[string]ollamatest.Options{"a": slowly(10 * time.Minute)}, func(t *testing.T, w *world) {
		a := w.send("/api/chat", about("m"))
		w.stop()
		a.end().want(t, 503, "gollamas is stopping")
	})
}

func TestOptionsThatDifferWaitUntilThoseBeforeThemAreAnswered(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(5 * time.Second)}, func(t *testing.T, w *world) {
		var all []*underWay
		for i := range 6 { // by turns, all at once: each load would take the model from those before it
			all = append(all, w.send("/api/chat", about("m", size(4096*(1+i%2)))))
		}
		for _, a := range all {
			a.end().want(t, 200, `"done":true`)
		}
		w.wantNLoads("a", 2)
	})
}

func TestTheOptionsOfALoadAreTheRequests(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(time.Second)}, func(t *testing.T, w *world) {
		w.post("/api/chat", about("m", `"options":{"num_ctx":2048,"temperature":1,"num_batch":64},"keep_alive":"1h",`)).want(t, 200, `"done":true`)
		w.wantNLoads("a", 1)
		load := string(asked(w.boxes["a"].Server, "/api/generate")[0].Body)
		if want := `{"model":"m","options":{"num_ctx":2048,"num_batch":64},"stream":false}`; load != want {
			t.Errorf("the load was %s, want %s", load, want)
		}
	})
}

func TestAnEmbeddingModelIsLoadedAsOne(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} { // only the newer one's lists say what it is
		for path, body := range map[string]string{"/api/embed": `{"model":"e","input":"x"}`, "/v1/embeddings": `{"model":"e","input":"x"}`} {
			t.Run(version+path, func(t *testing.T) {
				o := ollamatest.Options{Version: version, Models: []ollamatest.Model{{Name: "e", Capabilities: []string{"embedding"}, Load: 10 * time.Second}}}
				pretend(t, "connections: {a: 'http://a.localhost'}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
					w.impatient(path, body, time.Second).end()
					wait(10 * time.Second)
					if a := w.post(path, body); a.status != 200 || a.took > time.Second {
						t.Errorf("%d after %v: %s", a.status, a.took, a.body)
					}
					w.wantNLoads("a", 1)
				})
			})
		}
	}
}

func TestAStreamThatWaitsShowsThatItIsThere(t *testing.T) {
	file := aloneOnA + "cold_start: {comments: 2s}\n"
	for _, c := range []struct{ path, body, rest string }{
		{"/v1/chat/completions", about("m", `"stream":true,`), "data: [DONE]"},
		{"/v1/responses", `{"model":"m","stream":true,"input":"x"}`, "event: response.completed"},
		{"/v1/messages", about("m", `"stream":true,"max_tokens":9,`), "event: message_stop"},
	} {
		t.Run(c.path, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": slowly(9 * time.Second)}, func(t *testing.T, w *world) {
				a := w.send(c.path, c.body)
				wait(5 * time.Second)
				if got := a.so.String(); got != strings.Repeat(": waiting for the model\n\n", 2) {
					t.Errorf("after five seconds there is %q", got)
				}
				a.end().want(t, 200, c.rest)
				if n := strings.Count(a.body, ": waiting"); n != 4 || a.header.Get("Content-Type") != "text/event-stream" {
					t.Errorf("%d comments, %v", n, a.header)
				}
			})
		})
	}
}

func TestWhatIsNoStreamGetsNoCommentWhileItWaits(t *testing.T) {
	file := aloneOnA + "cold_start: {comments: 2s}\n"
	for path, body := range map[string]string{"/api/chat": about("m"), "/v1/chat/completions": about("m"), "/v1/embeddings": `{"model":"m","input":"x","stream":true}`} {
		t.Run(path, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": slowly(9 * time.Second)}, func(t *testing.T, w *world) {
				if a := w.post(path, body); strings.Contains(a.body, "waiting") {
					t.Errorf("%s", a.body)
				}
			})
		})
	}
}

func TestCommentsAreOffUnlessAskedFor(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(time.Minute)}, func(t *testing.T, w *world) {
		if a := w.post("/v1/chat/completions", about("m", `"stream":true,`)); strings.Contains(a.body, "waiting") {
			t.Errorf("%s", a.body)
		}
	})
}

func TestAnErrorBehindCommentsIsToldInTheStream(t *testing.T) {
	file := aloneOnA + "cold_start: {comments: 2s}\nload_wait: 20s\n"
	for path, want := range map[string]string{
		"/v1/chat/completions": "\n\ndata: {\"error\":{\"message\":\"",
		"/v1/messages":         "\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"",
	} {
		for what, c := range map[string]struct {
			fault ollamatest.Fault
			says  string
		}{
			"the load fails":     {ollamatest.Fault{Kind: ollamatest.DieLoading, Body: "it cannot be loaded"}, "it cannot be loaded"},
			"the server refuses": {ollamatest.Fault{Kind: ollamatest.Status, Path: path, Status: 400, Body: `{"error":{"message":"not like this"}}`}, "not like this"},
			"it takes too long":  {ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/generate"}, "is being loaded on a, for 20s"},
		} {
			t.Run(path+what, func(t *testing.T) {
				pretend(t, file, map[string]ollamatest.Options{"a": slowly(9 * time.Second)}, func(t *testing.T, w *world) {
					w.boxes["a"].Fault(c.fault)
					a := w.post(path, about("m", `"stream":true,"max_tokens":9,`))
					if a.status != 200 || a.err != nil || !strings.Contains(a.body, want+c.says) && !strings.Contains(a.body, c.says) || !strings.Contains(a.body, want) {
						t.Errorf("%d %v %q\nwant %q in it", a.status, a.err, a.body, want+c.says)
					}
				})
			})
		}
	}
}

// impatientOf asks a server itself and leaves after so long.
func (w *world) impatientOf(to *ollamatest.Pipes, body string, patience time.Duration) {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "POST", "http://localhost/api/chat", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if got := roundTrip(req, to, io.Discard); got.err == nil {
		w.t.Errorf("it was answered: %d", got.status)
	}
	synctest.Wait()
}

// versioned is a server of a version on which m takes so long to load.
func versioned(version string, load time.Duration) map[string]ollamatest.Options {
	o := slowly(load)
	o.Version = version
	return map[string]ollamatest.Options{"a": o}
}

func TestThreeAtOnceWithTwoContextsCostTwoLoadsAndAreKnownToBeLoading(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} {
		t.Run(version, func(t *testing.T) {
			pretend(t, aloneOnA, versioned(version, 20*time.Second), func(t *testing.T, w *world) {
				first := w.send("/api/chat", about("m", size(4096)))
				other := w.send("/api/chat", about("m", size(8192)))
				again := w.send("/api/chat", about("m", size(4096)))
				if f := w.facts(0, "m"); f.Loads != 2 || f.Reloads != 1 || f.Held != 2 {
					t.Errorf("three requests for two contexts are taken for %+v", f)
				}
				first.end().want(t, 200, `"done":true`)
				again.end().want(t, 200, `"done":true`)
				for range 8 { // one after another comes while the other context is being loaded, and leaves
					if f := w.facts(0, "m"); f.Loading.IsZero() || f.Held == 0 {
						t.Errorf("while the other context is loaded: %+v", f)
					}
					w.impatient("/api/chat", about("m", size(4096)), 2*time.Second).end()
				}
				other.end().want(t, 200, `"done":true`)
				wait(time.Minute)
				w.wantNLoads("a", 2)
				if f := w.facts(0, "m"); !f.Loading.IsZero() || f.Held != 0 {
					t.Errorf("all is over, and it is %+v", f)
				}
			})
		})
	}
}

func TestACrowdThatLeavesHasOnlyLoadedWhatWasSent(t *testing.T) {
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(10 * time.Second)}, func(t *testing.T, w *world) {
		var all []*underWay
		for i := range 40 {
			all = append(all, w.begin("/api/chat", about("m", size(1000+i))))
		}
		wait(time.Second)
		for _, a := range all {
			a.leave()
		}
		wait(100 * time.Millisecond)
		a := w.post("/api/chat", about("m", once))
		if a.want(t, 200, `"done":true`); a.took > 20*time.Second { // the load that was sent, and its own
			t.Errorf("a patient client was served after %v", a.took)
		}
		w.wantNLoads("a", 2)
		if all := w.loader.Loading(); len(all) != 0 {
			t.Errorf("there is still %+v", all)
		}
		if f := w.facts(0, "m"); f.Held != 0 || !f.Loading.IsZero() {
			t.Errorf("%+v", f)
		}
	})
}

// A context that is too much for a server's memory fails there, whoever's model it is.
func TestALoadThatFailsForAClientsOwnOptionsIsNotTheServersFailure(t *testing.T) {
	for name, c := range map[string]struct {
		rules, more string
		failures    int
	}{
		"its own":             {"", size(1 << 20), 0},
		"a rule's":            {"num_ctx: 8192\n", "", 3},
		"nobody's":            {"", "", 3},
		"a rule's, on /v1":    {"num_ctx: {enforce: 8192}\n", "", 3},
		"its own, in the way": {"num_ctx: 8192\n", size(1 << 20), 0},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes+c.rules, both(slowly(time.Second)), func(t *testing.T, w *world) {
				w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: "m", Body: "llama runner process has terminated: cudaMalloc failed: out of memory"})
				for range 3 {
					path := "/api/chat"
					if strings.HasSuffix(name, "/v1") {
						path = spokenAt
					}
					a := w.post(path, about("m", c.more))
					if a.want(t, 200, ""); a.by() != "b" {
						t.Errorf("by %s", a.by())
					}
					w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, "unload") // so that a is asked again
					wait(interval)
				}
				f, s := w.facts(0, "m"), w.server(0)
				if f.Breaker.Failures != c.failures || f.Breaker.Open() != (c.failures > 0) || s.Breaker().Failures > c.failures {
					t.Errorf("three such loads count as %+v, and for the server as %+v", f.Breaker, s.Breaker())
				}
			})
		})
	}
}

func TestALoadThatHangsIsNotWaitedForWhereThereIsAnotherServer(t *testing.T) {
	for name, c := range map[string]struct {
		before  bool // it was seen to be loaded there
		patient time.Duration
	}{
		"never seen to load":        {false, 5 * time.Minute}, // half of load_wait
		"usually loaded in seconds": {true, 4*5*time.Second + 30*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes, both(slowly(5*time.Second)), func(t *testing.T, w *world) {
				if c.before {
					w.talk("m", "a")
					w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, "unload")
					wait(interval)
				}
				w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/generate", Times: 1})
				var all []*underWay
				for range 3 {
					all = append(all, w.send("/api/chat", about("m")))
				}
				for _, a := range all {
					a.end().want(t, 200, `"done":true`)
					if a.by() != "b" || a.took < c.patient || a.took > c.patient+15*time.Second {
						t.Errorf("by %s after %v, and not by b after %v", a.by(), a.took, c.patient)
					}
				}
				if f := w.facts(0, "m"); f.Breaker.Failures != 0 || f.Held != 1 {
					t.Errorf("it hangs still: %+v", f)
				}
				wait(16 * time.Minute) // longer than anything may say nothing
				if b := w.facts(0, "m").Breaker; b.Failures != 3 || b.Pause != 10*time.Second {
					t.Errorf("one load that hung counts as %+v", b)
				}
			})
		})
	}
}

func TestAModelThatOnlyEmbedsIsNotLoadedToTalk(t *testing.T) {
	o := ollamatest.Options{Version: "0.24.0", Load: 10 * time.Second, Models: []ollamatest.Model{{Name: "e", Capabilities: []string{"embedding"}}}}
	pretend(t, "connections: {a: 'http://a.localhost'}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		for range 3 {
			for _, path := range []string{"/api/chat", spokenAt} {
				if a := w.post(path, about("e")); a.status != 400 || !strings.Contains(a.body, "does not support chat") || a.took > time.Second {
					t.Errorf("%s: %d %s after %v", path, a.status, a.body, a.took)
				}
			}
		}
		w.wantNLoads("a", 0)
		if n := len(asked(w.boxes["a"].Server, "/api/generate")) + len(asked(w.boxes["a"].Server, "/api/embed")); n > 1 {
			t.Errorf("it was to be loaded %d times", n)
		}
		if f := w.facts(0, "e"); f.Breaker.Failures != 0 || f.Held != 0 || !f.Loading.IsZero() {
			t.Errorf("%+v", f)
		}
	})
}

func TestAModelThatIsMuteEverywhereGetsTheServersOwnWord(t *testing.T) {
	for path, body := range map[string]string{"/api/chat": about("m"), "/api/embed": `{"model":"m","input":"x"}`, "/v1/embeddings": `{"model":"m","input":"x"}`} {
		t.Run(path, func(t *testing.T) {
			pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(time.Second)}, func(t *testing.T, w *world) {
				for _, at := range []string{"/api/generate", "/api/embed", path} {
					w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: at, Status: 400, Body: `{"error":"\"m\" does not support generate"}`})
				}
				for range 2 {
					w.post(path, body).want(t, 400, `"m\" does not support generate"`)
				}
				if f := w.facts(0, "m"); f.Breaker.Failures != 0 || f.Held != 0 {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

func TestALoadThatNobodyWaitsForAnyMoreIsSaidOnce(t *testing.T) {
	const said = `"loaded, though nobody waits for it any more"`
	pretend(t, aloneOnA, map[string]ollamatest.Options{"a": slowly(10 * time.Second)}, func(t *testing.T, w *world) {
		stays := w.send("/api/chat", about("m"))
		w.impatient("/api/chat", about("m"), time.Second).end()
		stays.end().want(t, 200, `"done":true`)
		if n := w.logged(said); n != 0 {
			t.Errorf("%d lines though one has waited\n%s", n, w.log)
		}
		w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, "unload")
		wait(interval)
		for range 3 {
			w.impatient("/api/chat", about("m"), 2*time.Second)
		}
		wait(time.Minute)
		if w.logged(said) != 1 || w.logged(said, `"INFO"`, `"model":"m"`, `"server":"a"`, `"took":10`) != 1 {
			t.Errorf("not one line says so\n%s", w.log)
		}
		w.wantNLoads("a", 2)
	})
}

// A server that is found by a name may go with a load under way: that ends once nothing more is to be hoped of it.
func TestALoadOnAServerWhoseAddressIsGoneEnds(t *testing.T) {
	file := "connections: {f: 'dns+http://" + farm + "'}\nmodels: {m: f}\n"
	for name, c := range map[string]struct {
		silent bool // it answers no look any more
		within time.Duration
	}{"it answers still": {false, 16 * time.Minute}, "it says nothing": {true, 2 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"10.0.0.1": slowly(1000 * time.Hour)}, func(t *testing.T, w *world) {
				wait(20 * time.Second)
				s := w.server(0)
				w.impatient("/api/chat", about("m"), 5*time.Second).end()
				w.move(nil)
				if c.silent {
					defer w.boxes["10.0.0.1"].Fault(ollamatest.Fault{Kind: ollamatest.Hang})()
				}
				wait(20 * time.Second)
				if all := w.loader.Loading(); !s.Left() || len(all) != 1 {
					t.Fatalf("left %v, under way %+v", s.Left(), all)
				}
				wait(c.within)
				if all := w.loader.Loading(); len(all) != 0 || s.Facts("registry.ollama.ai/library/m:latest").Held != 0 {
					t.Errorf("it is in the list still: %+v", all)
				}
				looks := len(asked(w.boxes["10.0.0.1"].Server, "/api/ps"))
				wait(10 * time.Minute)
				if more := len(asked(w.boxes["10.0.0.1"].Server, "/api/ps")) - looks; more > 0 {
					t.Errorf("it is looked at still: %d times", more)
				}
			})
		})
	}
}

func TestALoadIsStillKnownWhereAnAddressGoesAndReturns(t *testing.T) {
	file := "connections: {f: 'dns+http://" + farm + "'}\nmodels: {m: f}\n"
	pretend(t, file, map[string]ollamatest.Options{"10.0.0.1": slowly(3 * time.Minute)}, func(t *testing.T, w *world) {
		w.impatient("/api/chat", about("m"), 5*time.Second).end()
		w.move(nil)
		wait(time.Minute)
		w.move(nil, "10.0.0.1")
		wait(20 * time.Second)
		w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
		w.wantNLoads("10.0.0.1", 1)
		if x := w.last(); x.Attempts[0].Load != fleet.LoadJoins {
			t.Errorf("it is not known that it loads: %+v", x.Attempts)
		}
	})
}
