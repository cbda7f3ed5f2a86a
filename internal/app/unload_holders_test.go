package app

import (
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

const (
	unloadM   = `{"model":"m","keep_alive":0}`
	threeEach = "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c]}\n"
)

// three are three boxes that all hold m.
func three(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	boxes := both(paced(time.Millisecond))
	boxes["c"] = boxes["a"]
	pretend(t, threeEach, boxes, func(t *testing.T, w *world) {
		for host := range w.boxes {
			w.warm(host, "m")
		}
		test(t, w)
	})
}

// noted is what the client is told beside the answer.
func (a *underWay) noted() string { return a.header.Get("X-Gollamas-Note") }

func TestAHolderThatHangsIsNotWaitedForOnceAnotherHasUnloaded(t *testing.T) {
	three(t, func(t *testing.T, w *world) {
		w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/generate"})
		a := w.post("/api/generate", unloadM)
		a.want(t, 200, `"done_reason":"unload"`)
		if a.took > 1500*time.Millisecond || a.noted() != "it may still be loaded on b (it has not answered yet)" {
			t.Errorf("after %v: %q", a.took, a.noted())
		}
		if w.seenOn("a", "m") || w.seenOn("c", "m") || !w.seenOn("b", "m") {
			t.Error("it is still on a or c, or not on b")
		}
	})
}

// busyDoor has a box take no connection until what is returned is called.
func (b *box) busyDoor() (open func()) {
	b.mu.Lock()
	d := ollamatest.NewPipes()
	b.door.Close()
	b.door = d
	b.mu.Unlock()
	b.cut()
	return func() { go b.Serve(d) }
}

func TestAllHoldersAreAskedThoughTheClientLeaves(t *testing.T) {
	three(t, func(t *testing.T, w *world) {
		var doors []func()
		for _, b := range w.boxes {
			doors = append(doors, b.busyDoor())
		}
		a := w.send("/api/generate", unloadM)
		a.leave()
		<-a.over
		wait(time.Second)
		for _, open := range doors { // the client has gone, and nobody has been asked yet
			open()
		}
		wait(time.Second)
		for host := range w.boxes {
			if got := w.boxes[host].got("/api/generate"); got != unloadM || w.seenOn(host, "m") {
				t.Errorf("%s got %s, or still has it", host, got)
			}
		}
	})
}

func TestAnUnloadWhoseConnectionBreaksIsNotTakenForDone(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: a}\n"
	for what, kind := range map[string]ollamatest.FaultKind{"refused": ollamatest.Refuse, "cut": ollamatest.Cut} {
		t.Run(what, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
				w.talk("m", "a")
				w.boxes["a"].Fault(ollamatest.Fault{Kind: kind, Path: "/api/generate"})
				a := w.post("/api/generate", unloadM)
				if a.err == nil && (a.status != 502 || !strings.Contains(a.body, `"error"`)) {
					t.Errorf("%d %s", a.status, a.body)
				}
				if f, s := w.facts(0, "m"), w.server(0).State(); what == "refused" && (!f.Unloaded.IsZero() || !f.Loaded(s, w.key("m"))) {
					t.Errorf("it is thought to be unloaded: %+v", f)
				}
			})
		})
	}
}

// key is that of a model's name.
func (w *world) key(model string) string { return "registry.ollama.ai/library/" + model + ":latest" }

func TestAHolderThatIsDownIsNotWaitedForWhileAnotherIsUp(t *testing.T) {
	pretend(t, twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
		w.warm("a", "m")
		w.warm("b", "m")
		w.boxes["b"].busyDoor() // nobody there answers any more
		wait(time.Minute)
		if s := w.server(1).State(); s.Up {
			t.Fatal("b is thought to be up")
		}
		a := w.post("/api/generate", unloadM)
		a.want(t, 200, `"done_reason":"unload"`)
		if a.took > time.Second || a.noted() != "it may still be loaded on b, which does not answer" {
			t.Errorf("after %v: %q", a.took, a.noted())
		}
		if w.seenOn("a", "m") {
			t.Error("it is still on a")
		}
	})
}

func TestWhereNoServerHasTheModelAnUnloadIsToldSo(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {gone: {routes: [a], keep_alive: {enforce: 30m}}, m: {routes: [a], keep_alive: {enforce: 30m}}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		a := w.post("/api/generate", `{"model":"gone","keep_alive":0}`)
		if a.want(t, 404, `{"error":"model 'gone' not found"}`); a.noted() != "" {
			t.Errorf("%q", a.noted())
		}
		a = w.post("/api/generate", unloadM) // it is installed, and loaded nowhere
		if a.want(t, 200, `"done_reason":"unload"`); a.noted() != "" || w.loads() != 0 {
			t.Errorf("%q, %d loads", a.noted(), w.loads())
		}
	})
}

func TestWhereAllHoldersFailToUnloadItIsSaidWhy(t *testing.T) {
	three(t, func(t *testing.T, w *world) {
		long := strings.Repeat("x", 5000)
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/generate", Body: `{"error":"not today"}`})
		w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Refuse, Path: "/api/generate"})
		w.boxes["c"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/generate", Body: `{"error":"` + long + `"}`})
		a := w.post("/api/generate", unloadM)
		a.want(t, 502, `{"error":"no server has unloaded model \"m\": it may still be loaded on a (status 500: not today); it may still be loaded on b (`)
		if n := strings.Count(a.body, "x"); n < 150 || n > 250 {
			t.Errorf("%d of the server's %d letters are passed on", n, len(long))
		}
		for i := range 3 {
			if f := w.facts(i, "m"); !f.Unloaded.IsZero() {
				t.Errorf("it is thought to be unloaded: %+v", f)
			}
		}
	})
}

func TestALongErrorIsCutInTheNote(t *testing.T) {
	three(t, func(t *testing.T, w *world) {
		w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/generate", Body: `{"error":"` + strings.Repeat("ä", 5000) + `"}`})
		a := w.post("/api/generate", unloadM)
		a.want(t, 200, "unload")
		if n := len(a.noted()); !strings.HasPrefix(a.noted(), "it may still be loaded on b (status 500: ää") || n > 300 || strings.ContainsRune(a.noted(), '\uFFFD') {
			t.Errorf("%d bytes: %q", n, a.noted())
		}
	})
}
