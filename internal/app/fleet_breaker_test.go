package app

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestAModelThatCannotLoadTripsItsOwnBreakerOnly(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: "m"})
		for range 5 {
			w.talk("m", "b")
		}
		if n := w.boxes["a"].toLoad("m"); n != 3 {
			t.Errorf("it was asked %d times before its breaker opened, not 3", n)
		}
		w.talk("n", "a")
		if w.server(0).Breaker().Open() || w.facts(0, "n").Breaker.Open() || !w.facts(0, "m").Breaker.Open() {
			t.Error("another breaker than the pair's is open")
		}
		if n := w.logged(`"model on server fails: others are asked first"`, `"model":"m:latest"`, `runner process has terminated`, `"for":10000000000`); n != 1 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
	})
}

func TestABreakerLetsExactlyOneThroughAfterItsPause(t *testing.T) {
	o := with("m", "n")
	o.Models[0].Load = 3 * time.Second
	o.Parallel = 100
	pretend(t, inOrder+twoBoxes, both(o), func(t *testing.T, w *world) {
		heal := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: "m"})
		for range 3 {
			w.talk("m", "b")
		}
		wait(9 * time.Second)
		w.talk("m", "b")
		w.boxes["a"].Reset()
		wait(1100 * time.Millisecond)
		w.tenAtOnce(t, 1) // and it fails: the next pause is twice as long
		w.boxes["a"].Reset()
		wait(16 * time.Second)
		w.tenAtOnce(t, 0)
		heal()
		w.boxes["a"].Reset()
		wait(5 * time.Second)
		w.tenAtOnce(t, 1)
		w.boxes["a"].Reset()
		w.tenAtOnce(t, 10)
		for line, want := range map[string]int{`"for":10000000000`: 1, `"for":20000000000`: 1, `"for":`: 2, "let through": 2, "works again": 3} {
			if n := w.logged(line, `"m:latest"`); n != want {
				t.Errorf("%d lines say %s, not %d:\n%s", n, line, want, w.log)
			}
		}
	})
}

// tenAtOnce chats about m and wants whole answers, so many of them tried on a.
func (w *world) tenAtOnce(t *testing.T, onA int) {
	t.Helper()
	var all []*underWay
	for range 10 {
		all = append(all, w.send("/api/chat", about("m")))
	}
	for _, a := range all {
		a.end().want(t, 200, `"done":true`)
	}
	w.last()
	n := 0
	for _, x := range w.exchanges[len(w.exchanges)-10:] {
		if x.Attempts[0].Server == "a" {
			n++
		}
	}
	if n != onA {
		t.Errorf("%d of ten were sent to a, not %d", n, onA)
	}
}

func TestAnOpenBreakerOfTheOnlyServerIsNoReasonNotToAskIt(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: a}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": with("m")}, func(t *testing.T, w *world) {
		heal := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading})
		for range 20 {
			w.post("/api/chat", about("m")).want(t, 500, "runner process has terminated")
		}
		if b := w.facts(0, "m").Breaker; !b.Open() || b.Pause != 10*time.Second {
			t.Errorf("requests that nobody else could take made its pause %v", b.Pause)
		}
		if n := w.logged(`"a"`, `"level":"WARN"`, "others are asked first") + w.logged("let through"); n != 1 {
			t.Errorf("%d lines for one change:\n%s", n, w.log)
		}
		heal()
		w.talk("m", "a")
		if w.facts(0, "m").Breaker.Open() {
			t.Error("it is open though it works")
		}
	})
}

func TestAServerThatHasLostAModelIsPassedOverAndKeepsItsOthers(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
		w.boxes["a"].Remove("m")
		for range 5 {
			w.talk("m", "b")
			wait(time.Second)
		}
		if n := w.boxes["a"].chats("m"); n > 2 {
			t.Errorf("it was asked %d times for what it has lost", n)
		}
		w.talk("n", "a")
		if w.server(0).Breaker().Open() || w.logged("fails: others are asked first") > 0 {
			t.Errorf("a model that is not there counts as a failure:\n%s", w.log)
		}
		w.boxes["a"].Install(ollamatest.Model{Name: "m"})
		wait(interval)
		w.talk("m", "a")
	})
}

func TestWhatTellsNothingOfAServerNeverCountsAgainstIt(t *testing.T) {
	const body = `{"error":"server busy, please try again.  maximum pending requests exceeded"}`
	leave := func(after time.Duration) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) {
			a := w.send("/api/chat", about("m"))
			wait(after)
			a.leave()
			a.end()
		}
	}
	ask := func(body string, status int, part string) func(t *testing.T, w *world) {
		return func(t *testing.T, w *world) { w.post("/api/chat", body).want(t, status, part) }
	}
	for what, c := range map[string]struct {
		fault *ollamatest.Fault
		do    func(t *testing.T, w *world)
	}{
		"a client that leaves before the answer": {nil, leave(100 * time.Millisecond)},
		"a client that leaves in the middle":     {nil, leave(2500 * time.Millisecond)},
		"400":                                    {nil, ask(about("m", `"think":true,`), 400, "does not support thinking")},
		"a bad option":                           {nil, ask(about("m", `"options":{"num_ctx":"x"},`), 500, `option \"num_ctx\" must be of type integer`)},
		"503":                                    {&ollamatest.Fault{Kind: ollamatest.Status, Status: 503, Body: body}, ask(about("m"), 200, `"done":true`)},
	} {
		t.Run(what, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes, both(paced(time.Second)), func(t *testing.T, w *world) {
				heal := func() {}
				if c.fault != nil {
					c.fault.Path = "/api/chat"
					heal = w.boxes["a"].Fault(*c.fault)
				}
				for range 6 {
					c.do(t, w)
				}
				if b, s := w.facts(0, "m").Breaker, w.server(0).Breaker(); b.Failures != 0 || b.Open() || s.Failures != 0 || s.Open() {
					t.Errorf("it counted: %+v %+v", b, s)
				}
				if strings.Contains(w.log.String(), "others are asked first") {
					t.Error(w.log)
				}
				if n := w.facts(0, "m").Service.N; n != 0 {
					t.Errorf("it was learned from %d times", n)
				}
				heal()
				w.talk("m", "a")
			})
		})
	}
}

func TestA500OfUnknownTextCountsOnlyWhereAnotherServerThenAnswers(t *testing.T) {
	odd := ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Body: `{"error":"something odd"}`}
	pretend(t, inOrder+twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(odd)
		heal := w.boxes["b"].Fault(odd)
		for range 5 {
			w.post("/api/chat", about("m")).want(t, 500, "something odd")
		}
		if b := w.facts(0, "m").Breaker; b.Failures != 0 {
			t.Errorf("what every server says counts against the first: %+v", b)
		}
		heal()
		for range 3 {
			w.talk("m", "b")
		}
		if n := w.logged("others are asked first", `"server":"a"`, `"reason":"something odd"`); n != 1 || !w.facts(0, "m").Breaker.Open() {
			t.Errorf("%d lines say that a fails:\n%s", n, w.log)
		}
	})
}

func TestTheReasonOfABreakerIsItsOwnServersText(t *testing.T) {
	file := inOrder + "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c]}\n"
	boxes := both(with("m"))
	boxes["c"] = with("m")
	pretend(t, file, boxes, func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 404, Body: `{"error":"not mine"}`})
		w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Body: `{"error":"something odd"}`})
		for range 3 {
			w.talk("m", "c")
		}
		if n := w.logged("others are asked first", `"server":"b"`, `"reason":"something odd"`); n != 1 {
			t.Errorf("%d lines say why b fails:\n%s", n, w.log)
		}
	})
}

func TestEachServerIsAskedAtMostOnce(t *testing.T) {
	file := inOrder + "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c]}\n"
	for what, f := range map[string]ollamatest.Fault{
		"broken": {Kind: ollamatest.Refuse},
		"full":   {Kind: ollamatest.Status, Status: 503, Body: `{"error":"full"}`},
		"gone":   {Kind: ollamatest.Status, Status: 404, Body: `{"error":"model 'm' not found"}`},
	} {
		t.Run(what, func(t *testing.T) {
			boxes := both(with("m"))
			boxes["c"] = with("m")
			pretend(t, file, boxes, func(t *testing.T, w *world) {
				f.Path = "/api/chat"
				for _, b := range w.boxes {
					b.Fault(f)
				}
				if got := w.post("/api/chat", about("m")); got.status < 400 {
					t.Errorf("%d %s", got.status, got.body)
				}
				for host, b := range w.boxes {
					if n := b.chats("m"); n != 1 {
						t.Errorf("%s was asked %d times", host, n)
					}
				}
			})
		})
	}
}

func TestAServerIsAskedOnceThoughItBreaksAConnectionThatWasKept(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
		w.talk("m", "a")
		w.talk("n", "a") // a connection is kept
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Model: "m", Pace: 5 * time.Second})
		w.boxes["a"].Reset()
		a := w.send("/api/chat", about("m"))
		wait(2 * time.Second)
		w.boxes["a"].cut()
		if a.end().want(t, 200, `"done":true`); a.by() != "b" || w.boxes["a"].chats("m") != 1 {
			t.Errorf("a was asked %d times and %s answered", w.boxes["a"].chats("m"), a.by())
		}
	})
}

func TestAPullIsNeverSentTwice(t *testing.T) {
	for what, f := range map[string]ollamatest.Fault{
		"broken before the first byte": {Kind: ollamatest.Refuse},
		"cut":                          {Kind: ollamatest.Cut, After: 2},
		"500":                          {Kind: ollamatest.Status, Body: `{"error":"odd"}`},
	} {
		t.Run(what, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes, both(with("m")), func(t *testing.T, w *world) {
				w.talk("m", "a") // a connection is kept, and is not to be used
				f.Path = "/api/pull"
				w.boxes["a"].Fault(f)
				w.post("/api/pull", `{"model":"m"}`)
				if a, b := len(asked(w.boxes["a"].Server, "/api/pull")), len(asked(w.boxes["b"].Server, "/api/pull")); a != 1 || b != 1 {
					t.Errorf("a was asked %d times, b %d times", a, b)
				}
			})
		})
	}
}

func TestAPullTakesNoConnectionThatWasKept(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m")), func(t *testing.T, w *world) {
		w.talk("m", "a")
		w.boxes["a"].cut() // as a server does with what is idle
		w.post("/api/pull", `{"model":"m"}`).want(t, 200, `"status":"success"`)
	})
}

func TestWhereAllFailTheFirstAnswerArrivesByteForByte(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m")), func(t *testing.T, w *world) {
		const odd = "{ \"error\" : \"first\" ,\n \"unknown\": [1.00] }\n\n"
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 503, Body: odd, Header: http.Header{"Retry-After": {"7"}, "X-Odd": {"yes"}}})
		w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 500, Body: `{"error":"second"}`})
		got := w.post("/api/chat", about("m"))
		if got.status != 503 || got.body != odd || got.header.Get("Retry-After") != "7" || got.header.Get("X-Odd") != "yes" || got.by() != "a" {
			t.Errorf("%d %v %q", got.status, got.header, got.body)
		}
	})
}

func TestAServerKnownToBeDownIsAskedOnlyWhereNothingElseHasAnswered(t *testing.T) {
	for _, c := range []struct{ status, dials int }{{503, 0}, {500, 0}, {404, 1}, {0, 1}} {
		pretendDown := func(t *testing.T, w *world) {
			w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/version"}) // down to the watch, and yet it would answer
			wait(11 * time.Second)
			if w.server(0).State().Up {
				t.Fatal("it is up")
			}
			f := ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: c.status, Body: `{"error":"b's"}`}
			if c.status == 0 {
				f.Kind = ollamatest.Refuse
			}
			w.boxes["b"].Fault(f)
			got := w.post("/api/chat", about("m"))
			if n := w.boxes["a"].chats("m"); n != c.dials {
				t.Errorf("after %d the server that is down was asked %d times, not %d: %s", c.status, n, c.dials, got.body)
			}
			if b := w.boxes["b"].chats("m"); b != 1 {
				t.Errorf("the one that is up was asked %d times", b)
			}
			if want := map[int]int{1: 200, 0: c.status}[c.dials]; got.status != want {
				t.Errorf("after %d the client got %d", c.status, got.status)
			}
		}
		t.Run(http.StatusText(c.status), func(t *testing.T) { pretend(t, inOrder+twoBoxes, both(with("m")), pretendDown) })
	}
}

// tooMuch is what Ollama says of a context that its memory has no room for.
var tooMuch = ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Times: 1,
	Body: `{"error":"model requires more system memory (900.0 GiB) than is available (8.0 GiB)"}`}

func TestAContextThatIsTooMuchIsNotHeldAgainstAServer(t *testing.T) {
	for what, boxes := range map[string]string{"both refuse it": "ab", "the other takes it": "a"} {
		t.Run(what, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
				w.talk("m", "a")
				w.warm("b", "m") // or the request would go there, where nothing had to be loaded again
				for range 4 {
					for _, b := range boxes {
						w.boxes[string(b)].Fault(tooMuch)
					}
					w.post("/api/chat", about("m", size(9_000_000)))
				}
				for i := range 2 {
					if b := w.facts(i, "m").Breaker; b.Failures > 0 || b.Open() {
						t.Errorf("it was counted: %+v", b)
					}
				}
				w.talk("m", "a")
			})
		})
	}
}

func TestAServerThatFailsIsStillAskedAfterA503(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: "m", Times: 3})
		for range 3 {
			w.talk("m", "b")
		}
		if !w.facts(0, "m").Breaker.Open() {
			t.Fatal("its breaker is closed")
		}
		w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 503, Body: `{"error":"server busy"}`})
		w.talk("m", "a")
	})
}

func TestTheFirstByteOfWhatWasLetThroughLetsTheNextThrough(t *testing.T) {
	for what, models := range map[string][]string{"one model failed": {"m"}, "everything failed": {"m", "n"}} {
		t.Run(what, func(t *testing.T) {
			pretend(t, inOrder+twoBoxes, both(paced(10*time.Second)), func(t *testing.T, w *world) {
				for _, model := range models {
					heal := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: model})
					var all []*underWay
					for range 3 {
						all = append(all, w.send("/api/chat", about(model)))
					}
					for _, a := range all {
						a.leave()
						a.end()
					}
					heal()
				}
				if open := w.server(0).Breaker().Open(); open != (len(models) > 1) || !w.facts(0, "m").Breaker.Open() {
					t.Fatalf("the server's breaker is open: %v", open)
				}
				wait(11 * time.Second)
				first := w.send("/api/chat", about("m"))
				before := w.send("/api/chat", about("m"))
				wait(11 * time.Second)
				after := w.send("/api/chat", about("m"))
				for a, by := range map[*underWay]string{first: "a", before: "b", after: "a"} {
					if a.end().want(t, 200, `"done":true`); a.by() != by {
						t.Errorf("by %s, not by %s", a.by(), by)
					}
				}
			})
		})
	}
}

func TestAnEmptyAnswerGoesToTheNextServer(t *testing.T) {
	pretend(t, inOrder+twoBoxes, both(with("m")), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Status: 200, Path: "/api/chat", Header: http.Header{"Content-Type": {"application/x-ndjson"}}})
		w.talk("m", "b")
		if x := w.last(); len(x.Attempts) != 2 || x.Attempts[0].Err != "its answer was empty" {
			t.Errorf("%+v", x.Attempts)
		}
	})
}
