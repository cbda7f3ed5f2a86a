package app

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// size asks for a context.
func size(numCtx int) string { return fmt.Sprintf(`"options":{"num_ctx":%d},`, numCtx) }

func TestAnotherContextIsNotStarvedByABusyModel(t *testing.T) {
	o := paced(100 * time.Millisecond)
	o.Parallel = 2
	file := "connections: {a: {url: 'http://a.localhost', parallel: 2}}\nmodels: {m: a}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		w.talk("m", "a")
		var busy []*sync.WaitGroup
		for range 4 { // one after the other: it never comes to rest by itself
			busy = append(busy, w.crowd(1, 10*time.Minute, about("m")))
			wait(700 * time.Millisecond)
		}
		wait(10 * time.Second)
		a := w.begin("/api/chat", about("m", size(8192)))
		<-a.over
		if a.want(t, 200, `"done":true`); a.took > time.Minute {
			t.Errorf("it waited %v", a.took)
		}
		for _, b := range busy {
			b.Wait()
		}
	})
}

func TestTwoContextsOfOneModelDoNotPushEachOtherOutAllTheTime(t *testing.T) {
	o := paced(100 * time.Millisecond)
	o.Parallel, o.Models[0].Load = 2, 3*time.Second
	file := "connections: {a: {url: 'http://a.localhost', parallel: 2}}\nmodels: {m: a}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		plain, wide := w.crowd(3, 10*time.Minute, about("m")), w.crowd(3, 10*time.Minute, about("m", size(8192)))
		plain.Wait()
		wide.Wait()
		chats, loads := w.boxes["a"].chats("m"), len(w.boxes["a"].Loads())
		t.Logf("%d chats, %d loads", chats, loads)
		if loads*4 > chats || chats < 400 { // at 1.6 s a chat and two at once, some 750 would be without any load
			t.Errorf("%d chats with %d loads", chats, loads)
		}
	})
}

func TestAnotherContextWaitsForItsOwnModelOnly(t *testing.T) {
	file := "connections: {a: {url: 'http://a.localhost', parallel: 4}}\nmodels: {m: a, n: a}\n"
	pretend(t, file, map[string]ollamatest.Options{"a": paced(20 * time.Second)}, func(t *testing.T, w *world) {
		w.warm("a", "m")
		busy := w.send("/api/chat", about("n")) // it has just come, and is worked with
		wait(3 * time.Second)
		a := w.post("/api/chat", about("m", `"options":{"num_ctx":8192,"num_predict":1},`))
		a.want(t, 200, `"done":true`)
		if x := w.last(); x.Queued > 0 || a.took > 21*time.Second {
			t.Errorf("it took %v, and %v in the queue", a.took, x.Queued)
		}
		busy.leave()
		busy.end()
	})
}

func TestAContextThatChangesNothingIsNoReload(t *testing.T) {
	for what, all := range map[string][]string{ // of one request after the other
		"the server's own":             {size(4096), "", size(4096), "", size(4096), ""},
		"none, and then the server's":  {"", size(4096), "", size(4096), "", ""},
		"more than it was trained for": {size(40000), size(40000), size(40000), size(40000)},
	} {
		t.Run(what, func(t *testing.T) {
			o := paced(100 * time.Millisecond)
			o.Version = "0.24.0" // its lists do not say what a model was trained for
			pretend(t, twoBoxes, both(o), func(t *testing.T, w *world) {
				for i, more := range all {
					w.post("/api/chat", about("m", more)).want(t, 200, "")
					if load := w.last().Attempts[0].Load.String(); i > 2 && load != "" {
						t.Errorf("request %d is taken for a load: %s", i, load)
					}
					wait(interval)
				}
				if n := w.loads(); n > 2 { // until it has been seen, none may be another than the server's own
					t.Errorf("%d loads", n)
				}
			})
		})
	}
}

func TestOptionsCountForNothingWhereOllamaDoesNotReadThem(t *testing.T) {
	pretend(t, twoBoxes, both(paced(time.Millisecond)), func(t *testing.T, w *world) {
		w.warm("a", "m")
		w.post("/v1/chat/completions", about("m", size(8192))).want(t, 200, "")
		if x := w.last(); x.Server != "a" || x.Attempts[0].Load.String() != "" || w.loads() != 1 {
			t.Errorf("by %s, load %v, %d loads", x.Server, x.Attempts[0].Load, w.loads())
		}
	})
}
