package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// loading are the options of servers whose models m and n take ten seconds to load and then answer at once.
func loading() ollamatest.Options {
	o := with("m", "n")
	o.Load, o.Parallel = 10*time.Second, 100
	return o
}

// loads are how many loads there were on all boxes.
func (w *world) loads() (n int) {
	for _, b := range w.boxes {
		n += len(b.Loads())
	}
	return n
}

func TestARequestGoesWhereItsModelIsLoaded(t *testing.T) {
	pretend(t, twoBoxes, both(loading()), func(t *testing.T, w *world) {
		w.warm("b", "m")
		w.warm("a", "n")
		for range 5 {
			w.talk("m", "b")
			w.talk("n", "a")
		}
		if n := w.loads(); n != 2 {
			t.Errorf("%d loads, of which 2 were the test's", n)
		}
	})
}

func TestOfTwoThatHaveItLoadedTheOneWithTheContextAskedForIsAsked(t *testing.T) {
	pretend(t, twoBoxes, both(loading()), func(t *testing.T, w *world) {
		w.warm("a", "m", `"options":{"num_ctx":2048},`)
		w.warm("b", "m", `"options":{"num_ctx":8192},`)
		for range 4 {
			for ctx, want := range map[int]string{2048: "a", 8192: "b"} {
				got := w.post("/api/chat", about("m", fmt.Sprintf(`"options":{"num_ctx":%d},`, ctx)))
				if got.want(t, 200, `"done":true`); got.by() != want {
					t.Errorf("%d was answered by %s", ctx, got.by())
				}
			}
		}
		if n := w.loads(); n != 2 {
			t.Errorf("%d loads, of which 2 were the test's", n)
		}
	})
}

func TestSimultaneousRequestsForAColdModelAreOneLoad(t *testing.T) {
	for _, n := range []int{2, 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			pretend(t, twoBoxes, both(loading()), func(t *testing.T, w *world) {
				var all []*underWay
				for range n {
					all = append(all, w.send("/api/chat", about("m")))
				}
				for _, a := range all {
					a.end().want(t, 200, `"done":true`)
				}
				if n := w.loads(); n != 1 {
					t.Errorf("%d loads", n)
				}
			})
		})
	}
}

func TestAServerThatWasRestartedIsKnownToBeEmpty(t *testing.T) {
	pretend(t, twoBoxes, both(loading()), func(t *testing.T, w *world) {
		w.warm("a", "m")
		w.warm("b", "m")
		for range 4 {
			w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
		}
		w.boxes["a"].die()
		w.boxes["a"].rise(t)
		wait(interval)
		w.boxes["a"].Reset()
		for range 6 {
			w.talk("m", "b")
		}
		if n := len(w.boxes["a"].Loads()); n != 0 {
			t.Errorf("%d loads on the one that is empty", n)
		}
	})
}

func TestALowerTierIsAskedFirstOfAll(t *testing.T) {
	file := "connections: {a: {url: 'http://a.localhost', parallel: 1}, b: 'http://b.localhost'}\n" +
		"models: {m: {routes: [{connection: b, tier: 1}, {connection: a, tier: 0}]}}\n"
	pretend(t, file, both(loading()), func(t *testing.T, w *world) {
		w.warm("b", "m")
		w.talk("m", "a") // cold there, and yet
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: time.Second, Times: 1})
		busy := w.send("/api/chat", about("m"))
		wait(2 * time.Second)
		w.talk("m", "b") // the first tier has no place free
		busy.end().want(t, 200, `"done":true`)
		w.talk("m", "a")
		w.boxes["a"].die()
		w.talk("m", "b")
		w.boxes["a"].rise(t)
		wait(interval)
		w.talk("m", "a")
	})
}

func TestWeightsShareTheRequests(t *testing.T) {
	for _, policy := range []string{"loaded-first", "least-busy", "round-robin"} {
		t.Run(policy, func(t *testing.T) {
			file := "balance: " + policy + "\n" + aAndB + "models: {m: {routes: [{connection: a, weight: 3}, b]}}\n"
			pretend(t, file, both(loading()), func(t *testing.T, w *world) {
				w.warm("a", "m")
				w.warm("b", "m")
				for range 40 {
					w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
				}
				if a, b := w.boxes["a"].chats("m"), w.boxes["b"].chats("m"); a != 30 || b != 10 {
					t.Errorf("of 40, a had %d and b %d", a, b)
				}
			})
		})
	}
}

// mixedDigests are two boxes that have m under one name and are not of one mind what it is.
func mixedDigests() map[string]ollamatest.Options {
	boxes := map[string]ollamatest.Options{}
	for _, host := range []string{"a", "b"} {
		boxes[host] = ollamatest.Options{Models: []ollamatest.Model{{Name: "m", Digest: strings.Repeat(host, 64), Capabilities: []string{"completion", "embedding"}}}}
	}
	return boxes
}

func TestEmbeddingsStayOnOneDigest(t *testing.T) {
	embed := func(t *testing.T, w *world, server string) {
		t.Helper()
		for path, body := range map[string]string{
			"/api/embed":      `{"model":"m","input":"x"}`,
			"/api/embeddings": `{"model":"m","prompt":"x"}`,
			"/v1/embeddings":  `{"model":"m","input":"x"}`,
		} {
			for range 3 {
				got := w.post(path, body)
				if got.want(t, 200, "mbedding"); got.by() != server {
					t.Errorf("%s was answered by %q, not by %q", path, got.by(), server)
				}
			}
		}
	}
	pretend(t, "balance: round-robin\n"+aAndB+"models: {m: [a, b]}\n", mixedDigests(), func(t *testing.T, w *world) {
		embed(t, w, "a")
		by := map[string]int{}
		for range 6 {
			by[w.post("/api/chat", about("m")).by()]++
		}
		if by["a"] != 3 || by["b"] != 3 {
			t.Errorf("chats, which may go to both, went to %v", by)
		}
		w.boxes["a"].die()
		embed(t, w, "b") // the first of these finds out
		wait(interval)
		embed(t, w, "b")
		w.boxes["a"].rise(t)
		wait(interval)
		embed(t, w, "a")
		wait(time.Minute)
		if n := w.logged("one name, different models", `"model":"m:latest"`, "aaaaaaaaaaaa on a", "bbbbbbbbbbbb on b"); n != 1 || w.logged("one name, different models") != 1 {
			t.Errorf("%d warnings:\n%s", n, w.log)
		}
	})
}

func TestEmbeddingsDoNotGoToAnotherDigestForOneAnswerThatFailed(t *testing.T) {
	pretend(t, aAndB+"models: {m: [a, b]}\n", mixedDigests(), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/embed", Status: 503, Body: `{"error":"full"}`})
		w.post("/api/embed", `{"model":"m","input":"x"}`).want(t, 503, "full")
		if n := len(asked(w.boxes["b"].Server, "/api/embed")); n != 0 {
			t.Error("the other digest was asked though the first server is healthy")
		}
	})
}

func TestWhatIsLoadedAnywhereMayBeAskedForWhereThatIsAllowed(t *testing.T) {
	const file = aAndB + "models: {m: a}\nallow_running: true\n"
	boxes := map[string]ollamatest.Options{"a": with("m", "x"), "b": with("m", "x")}
	lists := []string{"/api/tags", "/v1/models", "/api/ps"}
	pretend(t, file, boxes, func(t *testing.T, w *world) {
		w.post("/api/chat", about("x")).want(t, 404, "not found")
		w.warm("b", "x")
		w.warm("b", "m")
		w.talk("x", "b")
		w.talk("m", "a") // which has a route
		for _, path := range lists {
			if got := w.get(path); strings.Count(got.body, `"x:latest"`) == 0 {
				t.Errorf("%s lacks x: %s", path, got.body)
			}
		}
		w.post("/api/pull", `{"model":"x"}`).want(t, 403, "pulls only models it has a route for")
		if n := len(asked(w.boxes["b"].Server, "/api/pull")) + len(asked(w.boxes["a"].Server, "/api/pull")); n != 0 {
			t.Errorf("a server was asked to pull %d times", n)
		}
		w.warm("b", "x", `"keep_alive":0,`)
		w.post("/api/chat", about("x")).want(t, 404, "not found")
		for _, path := range lists {
			if got := w.get(path); strings.Contains(got.body, `"x:latest"`) {
				t.Errorf("%s still has x: %s", path, got.body)
			}
		}
	})
}

func TestWhatIsLoadedAnywhereIsNotFoundWhereThatIsNotAllowed(t *testing.T) {
	boxes := map[string]ollamatest.Options{"a": with("m"), "b": with("m", "x")}
	pretend(t, aAndB+"models: {m: a}\n", boxes, func(t *testing.T, w *world) {
		w.warm("b", "x")
		w.post("/api/chat", about("x")).want(t, 404, "not found")
		for _, path := range []string{"/api/tags", "/v1/models", "/api/ps"} {
			if got := w.get(path); strings.Contains(got.body, `"x:latest"`) {
				t.Errorf("%s has x: %s", path, got.body)
			}
		}
	})
}

func TestAQuestionAboutAModelIsNobodysTurn(t *testing.T) {
	for _, policy := range []string{"round-robin", "least-busy"} {
		t.Run(policy, func(t *testing.T) {
			pretend(t, "balance: "+policy+"\n"+twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
				for range 10 {
					w.post("/api/show", `{"model":"m"}`).want(t, 200, "")
					w.post("/api/chat", about("m")).want(t, 200, "")
				}
				if a, b := w.boxes["a"].chats("m"), w.boxes["b"].chats("m"); a != 5 || b != 5 {
					t.Errorf("a has had %d turns, b %d", a, b)
				}
			})
		})
	}
}

func TestEmbeddingsStayWithTheirModelThoughItsServerFailsAtIt(t *testing.T) {
	pretend(t, inOrder+aAndB+"models: {m: [a, b]}\n", mixedDigests(), func(t *testing.T, w *world) {
		embeds := func() string { return w.post("/api/embed", `{"model":"m","input":"x"}`).by() }
		if by := embeds(); by != "a" {
			t.Fatalf("by %q", by)
		}
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.DieRunning, Path: "/api/chat", Model: "m", Times: 3})
		for range 3 {
			w.post("/api/chat", about("m"))
		}
		if !w.facts(0, "m").Breaker.Open() {
			t.Fatal("its breaker is closed")
		}
		if by := embeds(); by != "a" {
			t.Errorf("now by %q", by)
		}
	})
}

func TestARequestThatMovesOnHasOneTurn(t *testing.T) {
	pretend(t, "balance: round-robin\n"+twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 503, Body: `{"error":"server busy"}`})
		for range 10 {
			w.talk("m", "b")
		}
		if n := w.boxes["a"].chats("m"); n != 5 {
			t.Errorf("a was asked %d times", n)
		}
	})
}
