package app

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestALoadIsOverWhenItIsSeenToBeAndNotWhenTheAnswerComes(t *testing.T) {
	o := paced(20 * time.Second)
	o.Models[0].Load, o.Models[1].Load = 2*time.Second, 2*time.Second
	file := "connections: {a: {url: 'http://a.localhost', parallel: 4}}\nmodels: {m: a, n: a}\n"
	for _, stream := range []bool{true, false} {
		t.Run(fmt.Sprint("stream ", stream), func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				a := w.send("/api/chat", about("m", fmt.Sprintf(`"stream":%v,`, stream)))
				wait(10 * time.Second)
				if f := w.facts(0, "m"); !f.Loading.IsZero() {
					t.Errorf("it is still taken to be loading: %+v", f)
				}
				wait(20 * time.Second) // nor is it worked with alone any more
				n := w.post("/api/chat", about("n", once))
				n.want(t, 200, `"done":true`)
				if x := w.last(); x.Queued > 0 || n.took > 23*time.Second {
					t.Errorf("another model took %v, and waited %v", n.took, x.Queued)
				}
				a.end().want(t, 200, `"done":true`)
				if l := w.facts(0, "m").Load; l.N != 1 || l.Typical > 8*time.Second {
					t.Errorf("a load of 2s was learned as %+v", l)
				}
			})
		})
	}
}

func TestALoadThatOthersMustMakeRoomForIsNotStarved(t *testing.T) {
	for parallel := 1; parallel <= 3; parallel++ {
		t.Run(fmt.Sprint(parallel), func(t *testing.T) {
			o := paced(100 * time.Millisecond)
			o.Parallel, o.Memory = parallel, 12<<30
			for i := range o.Models {
				o.Models[i].Size, o.Models[i].Load = 10<<30, 3*time.Second
			}
			file := fmt.Sprintf("connections: {a: {url: 'http://a.localhost', parallel: %d}}\nmodels: {m: a, n: a}\n", parallel)
			pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
				w.talk("m", "a")
				w.talk("n", "a")
				w.talk("m", "a")
				var busy []*sync.WaitGroup
				for range 8 { // one after the other: m never comes to rest by itself
					busy = append(busy, w.crowd(1, 5*time.Minute, about("m")))
					wait(700 * time.Millisecond)
				}
				wait(5 * time.Second)
				for range 3 {
					n := w.begin("/api/chat", about("n"))
					<-n.over
					if n.want(t, 200, `"done":true`); n.took > 45*time.Second {
						t.Errorf("it took %v", n.took)
					}
					time.Sleep(20 * time.Second)
				}
				for _, b := range busy {
					b.Wait()
				}
				if n := w.boxes["a"].chats("m"); n < 60*parallel {
					t.Errorf("%d chats with the model that had to make room: it hardly worked", n)
				}
			})
		})
	}
}

func TestRetryAfterSpeaksOfALoadThatIsUnderWay(t *testing.T) {
	o := paced(time.Second)
	o.Models[0].Size, o.Models[0].Load = 10<<30, 4*time.Minute
	pretend(t, one+"queue: {length: 2, wait: 30m}\n", map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		var all []*underWay
		for range 3 {
			all = append(all, w.send("/api/chat", about("m")))
		}
		after := func() int {
			got := w.post("/api/chat", about("m"))
			got.want(t, 503, "queue.length")
			n, _ := strconv.Atoi(got.header.Get("Retry-After"))
			return n
		}
		if n := after(); n < 25 || n > 30 { // 12 GiB at 500 MiB a second, and the start
			t.Errorf("at first Retry-After is %d", n)
		}
		wait(10 * time.Second)
		if n := after(); n < 15 || n > 20 {
			t.Errorf("after 10 seconds of that it is %d", n)
		}
		for _, a := range all {
			a.leave()
			a.end()
		}
	})
}

// unloading are requests that only have m leave memory.
var unloading = []struct{ path, body string }{
	{"/api/generate", `{"model":"m","keep_alive":0}`},
	{"/api/generate", `{"model":"m","keep_alive":"0","prompt":""}`},
	{"/api/generate", `{"model":"m","keep_alive":"0s","stream":false}`},
	{"/api/chat", `{"model":"m","keep_alive":0,"messages":[]}`},
	{"/api/chat", `{"model":"m","keep_alive":"0s"}`},
}

func TestUnloadingGoesWhereTheModelIsAndWaitsForNoPlace(t *testing.T) {
	file := oneEach + "models: {m: [a, b], n: [a, b]}\n"
	for _, c := range unloading {
		t.Run(c.body, func(t *testing.T) {
			pretend(t, file, both(paced(time.Minute)), func(t *testing.T, w *world) {
				w.warm("b", "m")
				w.warm("a", "n")
				w.warm("b", "n")
				busy := []*underWay{w.send("/api/chat", about("n")), w.send("/api/chat", about("n"))}
				a := w.post(c.path, c.body)
				a.want(t, 200, `"done_reason":"unload"`)
				if x := w.last(); a.took > 0 || a.by() != "b" || x.Attempts[0].Load.String() != "" {
					t.Errorf("after %v, by %s, load %v", a.took, a.by(), x.Attempts[0].Load)
				}
				wait(2 * time.Second)
				if f := w.facts(1, "m"); f.Loads > 0 || f.Loaded(w.server(1).State(), "registry.ollama.ai/library/m:latest") {
					t.Errorf("it counts as loaded: %+v", f)
				}
				for _, a := range busy {
					a.leave()
					a.end()
				}
			})
		})
	}
}

func TestAModelThatWasUnloadedIsNotTakenForLoaded(t *testing.T) {
	pretend(t, one, map[string]ollamatest.Options{"a": paced(time.Millisecond)}, func(t *testing.T, w *world) {
		loaded := func() bool {
			return w.facts(0, "m").Loaded(w.server(0).State(), "registry.ollama.ai/library/m:latest")
		}
		w.talk("m", "a")
		wait(interval) // it is seen
		if !loaded() {
			t.Fatal("not loaded")
		}
		w.post("/api/generate", `{"model":"m","keep_alive":0}`).want(t, 200, `"done_reason":"unload"`)
		if loaded() { // no list shows it yet
			t.Error("it is")
		}
		w.post("/api/generate", `{"model":"m","keep_alive":0,"prompt":"x"}`).want(t, 200, `"done":true`)
		if f := w.facts(0, "m"); f.Loads != 2 {
			t.Errorf("a prompt that is answered is no ordinary request: %+v", f)
		}
	})
}
