package app

import (
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
	"gollamas/internal/proxy"
)

// paced are the options of servers of m and n that say 15 words, each after such a pause.
func paced(pace time.Duration) ollamatest.Options {
	o := with("m", "n")
	o.Pace, o.Parallel, o.Version = pace, 100, "0.33.0"
	return o
}

func TestAServerThatDiesUnderLoadLosesNoRequestThatHadNoByte(t *testing.T) {
	o := paced(time.Second)
	o.Models[1].Load = time.Minute
	pretend(t, inOrder+twoBoxes, both(o), func(t *testing.T, w *world) {
		var begun, waiting []*underWay
		for range 5 {
			begun = append(begun, w.send("/api/chat", about("m")))
			waiting = append(waiting, w.send("/api/chat", about("n")))
		}
		wait(3500 * time.Millisecond)
		w.boxes["a"].die()
		for _, a := range begun {
			if a.end(); a.status != 200 || a.err != nil || strings.Count(a.body, "\n") != 4 || !strings.Contains(a.body, "\n"+`{"error":"server a: its answer broke off`) {
				t.Errorf("begun: %d %v %s", a.status, a.err, a.body)
			}
		}
		w.talk("m", "b") // while the others' model loads
		for _, a := range waiting {
			if a.end().want(t, 200, `"done":true`); a.by() != "b" {
				t.Errorf("a request that had no byte was answered by %q", a.by())
			}
		}
	})
}

func TestAServerThatComesBackGetsRequestsAgainWithinAnInterval(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(paced(time.Second)), func(t *testing.T, w *world) {
		var all []*underWay
		for range 5 {
			all = append(all, w.send("/api/chat", about("m")), w.send("/api/chat", about("n")))
		}
		wait(3500 * time.Millisecond)
		w.boxes["a"].die()
		for _, a := range all {
			a.end()
		}
		wait(2 * time.Second)
		if by := w.send("/api/chat", about("m")); w.boxes["b"].chats("m") != 1 {
			t.Errorf("while it was dead: %+v", by)
		}
		w.boxes["a"].rise(t)
		wait(interval)
		w.boxes["a"].Reset()
		all = nil
		for range 5 {
			all = append(all, w.send("/api/chat", about("m")), w.send("/api/chat", about("n")))
		}
		if m, n := w.boxes["a"].chats("m"), w.boxes["a"].chats("n"); m != 5 || n != 5 {
			t.Errorf("back for an interval, it was given %d and %d of 5", m, n)
		}
		for _, a := range all {
			a.end().want(t, 200, `"done":true`)
		}
		if n := w.logged(`"server down"`, `"server":"a"`); n != 1 {
			t.Errorf("%d lines say that it went down:\n%s", n, w.log)
		}
		if n := w.logged(`"server up"`, `"server":"a"`); n != 2 {
			t.Errorf("%d lines say that it came up:\n%s", n, w.log)
		}
	})
}

func TestAModelThatTakesItsServerDownIsTriedLessAndLessOften(t *testing.T) {
	o := with("m", "n")
	o.Models[0].Load, o.Parallel = 2*time.Second, 100
	pretend(t, inOrder+twoBoxes, both(o), func(t *testing.T, w *world) {
		w.talk("n", "a")
		for crashes := range 4 { // three trip the breaker, and a trial fails
			wait(11 * time.Second)
			a := w.send("/api/chat", about("m"))
			if n := w.boxes["a"].toLoad("m"); n != crashes+1 {
				t.Fatalf("it was asked %d times, not %d", n, crashes+1)
			}
			wait(1100 * time.Millisecond)
			w.boxes["a"].die()
			a.end().want(t, 200, `"done":true`)
			w.boxes["a"].rise(t)
		}
		for range 2 {
			wait(interval)
			w.talk("m", "b") // though a is back, its pause is not over
			w.talk("n", "a")
		}
		wait(10 * time.Second)
		w.talk("m", "a")
	})
}

func TestAServerThatHangsWithoutDyingIsNoticedByWhatItHasShown(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(paced(100*time.Millisecond)), func(t *testing.T, w *world) {
		for range 5 {
			w.talk("m", "a")
			w.talk("n", "a")
		}
		unwedge := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/chat", Model: "m"})
		got := w.post("/api/chat", about("m"))
		got.want(t, 200, `"done":true`)
		if moved := got.took - 1500*time.Millisecond; got.by() != "b" || moved < 30*time.Second || moved > 40*time.Second {
			t.Errorf("answered by %q, moved after %v; ten times a tenth of a second, and 30 s, were to be waited", got.by(), moved)
		}
		if x := w.last(); len(x.Attempts) != 2 || x.Attempts[0].Why != proxy.WhyStalled || x.Err != "" {
			t.Errorf("%+v", x)
		}
		if !w.server(0).State().Up || w.server(0).Breaker().Open() {
			t.Error("one model's hanging took the server out")
		}
		w.talk("m", "b")
		w.talk("n", "a")
		if n := w.logged(`"model on server fails: others are asked first"`, `"server":"a"`, `"model":"m:latest"`, `"reason":"no first token for `); n != 1 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
		unwedge()
		wait(10 * time.Second)
		w.talk("m", "a")
	})
}

func TestAHangIsNoticedInACrowdToo(t *testing.T) {
	o := paced(5 * time.Second)
	o.Parallel = 10
	pretend(t, inOrder+twoBoxes, both(o), func(t *testing.T, w *world) {
		for range 4 { // a first token takes five seconds, an answer 75
			w.talk("m", "a")
		}
		running := w.send("/api/chat", about("m"))
		wait(time.Second)
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/chat", Model: "m"})
		got := w.post("/api/chat", about("m"))
		got.want(t, 200, `"done":true`)
		running.end().want(t, 200, `"done":true`)
		// the one in front talks for 74 s more; from then on, ten times five seconds and 30 s are waited
		if moved := got.took - 75*time.Second; got.by() != "b" || moved < 150*time.Second || moved > 170*time.Second {
			t.Errorf("answered by %q, moved after %v", got.by(), moved)
		}
	})
}

func TestBehindAnAnswerInOnePieceNothingIsTakenForAHang(t *testing.T) {
	o := paced(time.Second)
	o.Parallel = 1
	pretend(t, inOrder+twoBoxes, both(o), func(t *testing.T, w *world) {
		for range 4 {
			w.talk("m", "a")
		}
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Times: 1, Pace: 20 * time.Second})
		front := w.send("/api/chat", `{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false}`)
		wait(time.Second)
		got := w.post("/api/chat", about("m")) // for five minutes nothing comes from the server, and all is well
		if got.want(t, 200, `"done":true`); got.by() != "a" || got.took < 4*time.Minute {
			t.Errorf("answered by %q after %v", got.by(), got.took)
		}
		front.end().want(t, 200, `"done":true`)
	})
}

func TestUnlearnedAStallIsBoundedByTheSettings(t *testing.T) {
	pretend(t, inOrder+twoBoxes+"stall: {first_token: 2m, next_token: 1m}\n", both(paced(time.Second)), func(t *testing.T, w *world) {
		clear := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/chat", Model: "m"})
		got := w.post("/api/chat", about("m"))
		got.want(t, 200, `"done":true`)
		if moved := got.took - 15*time.Second; got.by() != "b" || moved < 2*time.Minute || moved > 2*time.Minute+5*time.Second {
			t.Errorf("answered by %q, moved after %v", got.by(), moved)
		}
		clear()
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/chat", Model: "n", After: 3})
		got = w.post("/api/chat", about("n"))
		if silent := got.took - 4*time.Second; silent < time.Minute || silent > time.Minute+5*time.Second {
			t.Errorf("cut after %v without a token", silent)
		}
		if n := w.logged("others are asked first", `"model":"n:latest"`, `no next token for 1m0s"`); n != 1 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
	})
}

func TestABlackHoledBoxLosesItsWaitingRequestsWhereThereIsAnother(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(paced(time.Second)), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang})
		got := w.post("/api/chat", about("m"))
		got.want(t, 200, `"done":true`)
		if moved := got.took - 15*time.Second; got.by() != "b" || moved < 15*time.Second || moved > 40*time.Second {
			t.Errorf("answered by %q, moved after %v; three looks take about half a minute", got.by(), moved)
		}
		if looks := w.server(0).State().Failed; looks < 3 {
			t.Errorf("moved after %d looks that failed", looks)
		}
		if x := w.last(); !strings.Contains(x.Attempts[0].Err, "it does not answer at all") {
			t.Errorf("%+v", x.Attempts)
		}
	})
}

func TestABlackHoledBoxThatIsTheOnlyOneIsWaitedFor(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: a}\nstall: {first_token: 5m}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Second)}, func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang})
		got := w.post("/api/chat", about("m"))
		if got.want(t, 504, "no first token for 5m0s"); got.took < 5*time.Minute || got.took > 5*time.Minute+5*time.Second {
			t.Errorf("it took %v", got.took)
		}
	})
}

func TestAStreamThatStallsMidWayEndsHonestlyInItsDialect(t *testing.T) {
	for _, c := range []struct{ path, body, want string }{
		{"/api/generate", `{"model":"m","prompt":"x"}`, "\n{\"error\":\"server a: "},
		{"/api/chat", about("m"), "\n{\"error\":\"server a: "},
		{"/v1/chat/completions", about("m", `"stream":true,`), "\n\ndata: {\"error\":{\"message\":\"server a: "},
		{"/v1/completions", `{"model":"m","stream":true,"prompt":"x"}`, "\n\ndata: {\"error\":{\"message\":\"server a: "},
		{"/v1/responses", `{"model":"m","stream":true,"input":"x"}`, "\n\nevent: error\ndata: {\"type\":\"error\","},
		{"/v1/messages", `{"model":"m","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]}`, "\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"server a: "},
	} {
		t.Run(c.path, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes, both(paced(time.Second)), func(t *testing.T, w *world) {
				w.warm("a", "m")
				w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: c.path, After: 7})
				got := w.post(c.path, c.body)
				if got.status != 200 || got.err != nil || !strings.Contains(got.body, c.want) || !strings.Contains(got.body, "no next token for 5m0s") {
					t.Errorf("%d %v %q\nwant %q in it", got.status, got.err, got.body, c.want)
				}
				if len(asked(w.boxes["b"].Server, c.path)) > 0 {
					t.Error("another server was asked after the first byte")
				}
				if !w.facts(0, "m").Breaker.Open() || w.last().Err == "" {
					t.Errorf("it was not counted: %+v", w.last())
				}
				w.talk("m", "b")
			})
		})
	}
}

func TestAServerOnWhichEverythingFailsIsAskedLast(t *testing.T) {
	o := with("m", "n", "other")
	file := inOrder + aAndB + "models: {'*': [a, b]}\n"
	pretend(t, file, both(o), func(t *testing.T, w *world) {
		heal := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieRunning})
		for range 3 {
			w.talk("m", "b")
		}
		if w.server(0).Breaker().Open() {
			t.Error("one model's failures took the server out")
		}
		w.talk("other", "b") // asked of a: it is another model
		for range 2 {
			w.talk("n", "b")
		}
		if !w.server(0).State().Up || !w.server(0).Breaker().Open() {
			t.Errorf("its lists are fine: %v; its breaker is open: %v", w.server(0).State().Up, w.server(0).Breaker().Open())
		}
		if n := w.logged(`"server fails: others are asked first"`, `"server":"a"`, `unexpectedly stopped`); n != 1 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
		w.boxes["a"].Install(ollamatest.Model{Name: "new"})
		w.boxes["b"].Install(ollamatest.Model{Name: "new"})
		wait(interval)
		w.talk("new", "b") // it has never failed
		heal()
		wait(10 * time.Second)
		w.talk("new", "a")
		if n := w.logged(`"server works again"`, `"server":"a"`); n != 1 {
			t.Errorf("%d lines say that it works again:\n%s", n, w.log)
		}
	})
}

func TestASlowServerIsNotTakenForAStalledOne(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(paced(time.Second)), func(t *testing.T, w *world) {
		for range 5 {
			w.talk("m", "a")
		}
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: 25 * time.Second})
		for range 2 {
			w.talk("m", "a")
		}
		if b := w.facts(0, "m").Breaker; b.Open() || b.Failures > 0 {
			t.Errorf("slowness was counted: %+v", b)
		}
	})
}
