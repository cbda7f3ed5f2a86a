package ollamatest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// One load at a time, in order; what is loaded goes past the queue.
func TestQueueOrder(t *testing.T) {
	models := []Model{{Name: "a", Load: 10 * time.Second}, {Name: "b", Load: 20 * time.Second}, {Name: "c", Load: time.Second}, {Name: "warm", Load: 1}}
	bubble(t, Options{Models: models}, func(b *box) {
		b.ok(b.post("/api/generate", generate("warm", ``)))
		x := b.later("/api/generate", generate("a", ``))
		y := b.later("/api/generate", generate("b", ``))
		z := b.later("/api/generate", generate("c", ``))
		if r := b.ok(b.post("/api/generate", generate("warm", ``))); r.took != 0 {
			t.Errorf("warm took %v", r.took)
		}
		for name, want := range map[<-chan reply]time.Duration{x: 10 * time.Second, y: 30 * time.Second, z: 31 * time.Second} {
			if r := b.ok(<-name); r.took != want {
				t.Errorf("took %v, not %v", r.took, want)
			}
		}
	})
}

// MaxQueue bounds those who wait for a load, not the one that is loading.
func TestQueueFull(t *testing.T) {
	models := []Model{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}
	bubble(t, Options{Models: models, MaxQueue: 2, Load: time.Second}, func(b *box) {
		var waiting []<-chan reply
		for _, name := range []string{"a", "b", "c"} {
			waiting = append(waiting, b.later("/api/generate", generate(name, ``)))
		}
		const text = "server busy, please try again.  maximum pending requests exceeded"
		if r := b.post("/api/generate", generate("d", ``)); r.status != 503 || r.text != `{"error":"`+text+`"}` || r.header.Get("Retry-After") != "" {
			t.Errorf("status %d %v: %s", r.status, r.header, r.text)
		}
		r := b.post("/v1/messages", `{"model":"d","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`)
		if r.status != 503 || !strings.Contains(r.text, `"type":"overloaded_error"`) {
			t.Errorf("status %d: %s", r.status, r.text)
		}
		for _, w := range waiting {
			b.ok(<-w)
		}
	})
}

// Requests for a loaded model wait on its slots, without limit and without sign.
func TestSlots(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		bubble(t, Options{Models: []Model{{Name: "a"}}, MaxQueue: 1, Parallel: parallel, Pace: time.Second}, func(b *box) {
			b.ok(b.post("/api/generate", `{"model":"a"}`))
			start := time.Now()
			var all []<-chan reply
			for range 20 {
				all = append(all, b.later("/api/generate", generate("a", ``)))
			}
			if n := b.InFlight(); n != 20 {
				t.Errorf("%d in flight", n)
			}
			for _, c := range all {
				b.ok(<-c)
			}
			if took, want := time.Since(start), time.Duration(20/parallel*15)*time.Second; took != want {
				t.Errorf("took %v, not %v", took, want)
			}
		})
	}
}

// A client that leaves while it waits for a slot, or while the model talks, frees its place.
func TestLeavingFreesTheSlot(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}}, Pace: time.Second}, func(b *box) {
		talking, stop := context.WithTimeout(context.Background(), 3*time.Second)
		defer stop()
		waiting, give := context.WithTimeout(context.Background(), 2*time.Second)
		defer give()
		b.laterIn(talking, "/api/generate", generate("a", ``))
		b.laterIn(waiting, "/api/generate", generate("a", ``))
		if r := b.ok(b.post("/api/generate", generate("a", ``))); r.took != 18*time.Second {
			t.Errorf("took %v", r.took)
		}
		for _, r := range b.Requests()[:2] {
			if !r.Gone {
				t.Errorf("%s is not gone", r.Body)
			}
		}
	})
}

// One who waits for a load and leaves gives its turn up, and keeps its place until then.
func TestLeavingTheQueue(t *testing.T) {
	models := []Model{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	bubble(t, Options{Models: models, MaxQueue: 2, Load: 10 * time.Second}, func(b *box) {
		a := b.later("/api/generate", generate("a", ``))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		gone := b.laterIn(ctx, "/api/generate", generate("b", ``))
		c := b.later("/api/generate", generate("c", ``))
		<-gone
		synctest.Wait()
		if r := b.post("/api/generate", generate("b", ``)); r.status != 503 {
			t.Errorf("status %d", r.status)
		}
		b.ok(<-a)
		if r := b.ok(<-c); r.took != 20*time.Second {
			t.Errorf("took %v", r.took)
		}
		if n := len(b.Loads()); n != 2 {
			t.Errorf("%d loads", n)
		}
	})
}

// Whoever leaves while a busy model is pushed out for it still holds up the queue until that is done.
func TestLeavingDuringEviction(t *testing.T) {
	models := []Model{{Name: "a", Size: 8}, {Name: "b", Size: 8}, {Name: "c", Size: 8}}
	bubble(t, Options{Models: models, Memory: 10, Pace: time.Second}, func(b *box) {
		a := b.later("/api/generate", generate("a", ``))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		<-b.laterIn(ctx, "/api/generate", generate("b", ``))
		if r := b.ok(b.post("/api/generate", generate("c", ``))); r.took != 29*time.Second {
			t.Errorf("took %v", r.took)
		}
		b.ok(<-a)
	})
}

func TestStopInTheMiddle(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}, {Name: "b"}}, Pace: time.Second, Load: time.Minute}, func(b *box) {
		b.ok(b.post("/api/generate", `{"model":"a"}`))
		streaming := b.later("/api/generate", `{"model":"a","prompt":"x"}`)
		loading := b.later("/api/generate", generate("b", ``))
		time.Sleep(4500 * time.Millisecond)
		b.Stop()
		if r := <-streaming; r.err == nil || strings.Count(r.text, "\n") != 4 {
			t.Errorf("error %v after %q", r.err, r.text)
		}
		if r := <-loading; r.err == nil {
			t.Errorf("status %d", r.status)
		}
		if b.loaded() != "" || b.InFlight() != 0 {
			t.Errorf("loaded %q, %d in flight", b.loaded(), b.InFlight())
		}
		if l := b.Loads()[1]; !l.Aborted {
			t.Errorf("load %+v", l)
		}
		for _, r := range b.Requests() {
			if r.Gone {
				t.Error("it was not the client that left")
			}
		}
	})
}
