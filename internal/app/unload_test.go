package app

import (
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// seenOn says whether gollamas sees that a box has a model in its memory.
func (w *world) seenOn(host, model string) bool {
	for _, c := range w.connections {
		s := c.Servers()[0]
		if s.ID() == host {
			wait(interval)
			return s.State().Running("registry.ollama.ai/library/"+model+":latest") != nil
		}
	}
	return false
}

func TestAnUnloadReachesEveryServerThatHoldsTheModel(t *testing.T) {
	file := "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c]}\naliases: {other: m}\n"
	boxes := both(paced(time.Millisecond))
	boxes["c"] = boxes["a"]
	for _, c := range append(unloading, struct{ path, body string }{"/api/generate", `{"model":"other","keep_alive":0}`}) {
		t.Run(c.path+c.body, func(t *testing.T) {
			pretend(t, file, boxes, func(t *testing.T, w *world) {
				w.warm("a", "m")
				w.warm("c", "m")
				a := w.post(c.path, c.body)
				if a.want(t, 200, `"done_reason":"unload"`); a.header.Get("X-Gollamas-Note") != "" {
					t.Errorf("%v", a.header)
				}
				if w.seenOn("a", "m") || w.seenOn("c", "m") {
					t.Error("it is still there")
				}
				if n := len(asked(w.boxes["b"].Server, c.path)); n > 0 {
					t.Errorf("b, which has not got it, was asked %d times", n)
				}
			})
		})
	}
}

func TestAnUnloadLeavesAloneWhereKeepAliveIsEnforced(t *testing.T) {
	file := aAndB + "models: {m: {routes: [a, b], on: {b: {keep_alive: {enforce: 30m}}}}}\n"
	for _, c := range unloading {
		t.Run(c.path+c.body, func(t *testing.T) {
			pretend(t, file, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
				w.warm("a", "m")
				w.warm("b", "m")
				a := w.post(c.path, c.body)
				if a.want(t, 200, `"done_reason":"unload"`); a.header.Get("X-Gollamas-Note") != "it stays loaded on b, where keep_alive is enforced" {
					t.Errorf("%v", a.header)
				}
				if w.seenOn("a", "m") || !w.seenOn("b", "m") {
					t.Error("it is there on a, or not on b")
				}
				if n := w.boxes["b"].toLoad("m"); n != 1 {
					t.Errorf("b was asked %d times", n-1)
				}
				again := w.post(c.path, c.body) // nobody is left to ask
				if again.want(t, 200, `"done_reason":"unload"`); again.header.Get("X-Gollamas-Note") == "" || again.by() != "" {
					t.Errorf("%v", again.header)
				}
				if a.body[:len(`{"model":"m","created_at":"`)] != again.body[:len(`{"model":"m","created_at":"`)] || tail(a.body) != tail(again.body) {
					t.Errorf("the server's %s\n   and ours %s", a.body, again.body)
				}
				if !w.seenOn("b", "m") {
					t.Error("it has left b")
				}
			})
		})
	}
}

// tail is what stands behind the moment in an answer.
func tail(body string) string {
	return body[len(body)-len(`Z","done":true,"done_reason":"unload"}`)+1:]
}

func TestAnEnforcedKeepAliveOfNothingIsNoReasonToKeep(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], keep_alive: {enforce: 0}}}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		w.warm("a", "m")
		w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, "unload")
		if w.seenOn("a", "m") {
			t.Error("it is still there")
		}
	})
}

func TestAnUnloadSaysWhereTheModelMayStillBe(t *testing.T) {
	pretend(t, twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
		w.warm("a", "m")
		w.warm("b", "m")
		w.boxes["b"].die()
		a := w.post("/api/generate", `{"model":"m","keep_alive":0}`)
		a.want(t, 200, "unload")
		if note := a.header.Get("X-Gollamas-Note"); note != "it may still be loaded on b (connection refused)" {
			t.Errorf("%q", note)
		}
	})
}

func TestAModelThatIsLoadedNowhereIsUnloadedAsOllamaDoes(t *testing.T) {
	pretend(t, twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
		a := w.post("/api/generate", `{"model":"m","keep_alive":0}`)
		if a.want(t, 200, `"done_reason":"unload"`); a.by() == "" || w.loads() != 0 {
			t.Errorf("by %q, %d loads", a.by(), w.loads())
		}
		w.post("/api/generate", `{"model":"none","keep_alive":0}`).want(t, 404, "not found")
	})
}
