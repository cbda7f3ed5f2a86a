package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// Two boxes that take one request at a time; an answer takes 15 seconds.
const (
	one      = "connections: {a: {url: 'http://a.localhost', parallel: 1}}\nmodels: {m: a}\n"
	oneEach  = "connections: {a: {url: 'http://a.localhost', parallel: 1}, b: {url: 'http://b.localhost', parallel: 1}}\n"
	answerIn = 15 * time.Second
)

func single() map[string]ollamatest.Options {
	return map[string]ollamatest.Options{"a": paced(time.Second)}
}

func TestWhoWaitsIsServedInTheOrderOfComing(t *testing.T) {
	pretend(t, one, single(), func(t *testing.T, w *world) {
		var all []*underWay
		for i := range 5 {
			all = append(all, w.send("/api/chat", about("m", fmt.Sprintf(`"came":%d,`, i))))
		}
		if q := w.desk.Queues(); len(q) != 1 || q[0].Length != 4 {
			t.Errorf("the queue is %+v", q)
		}
		for i, a := range all {
			a.end().want(t, 200, `"done":true`)
			if want := time.Duration(i+1) * answerIn; a.took != want {
				t.Errorf("request %d took %v, not %v", i, a.took, want)
			}
		}
		for i, q := range asked(w.boxes["a"].Server, "/api/chat") {
			if !strings.Contains(string(q.Body), fmt.Sprintf(`"came":%d,`, i)) {
				t.Errorf("place %d was given to %s", i, q.Body)
			}
		}
		if x := w.last(); x.Queued != 4*answerIn {
			t.Errorf("the last has waited %v", x.Queued)
		}
	})
}

// busyIn are a 503 in each dialect.
var busyIn = []struct{ path, body, want string }{
	{"/api/chat", about("m"), `{"error":"every server of model \"m\" is busy`},
	{"/v1/chat/completions", about("m"), `{"error":{"message":"every server of model \"m\" is busy`},
	{"/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}`, `{"type":"error","error":{"type":"overloaded_error","message":"every server of model \"m\" is busy`},
}

func TestAFullQueueIs503InTheDialectAndSaysWhenToComeAgain(t *testing.T) {
	pretend(t, one+"queue: {length: 2}\n", single(), func(t *testing.T, w *world) {
		var all []*underWay
		for range 3 {
			all = append(all, w.send("/api/chat", about("m")))
		}
		for _, c := range busyIn {
			got := w.post(c.path, c.body)
			got.want(t, 503, c.want)
			if got.took != 0 || got.header.Get("Retry-After") == "" || !strings.Contains(got.body, "queue.length") {
				t.Errorf("after %v, %v: %s", got.took, got.header, got.body)
			}
		}
		for _, a := range all {
			a.end().want(t, 200, `"done":true`)
		}
		w.send("/api/chat", about("m"))
		w.send("/api/chat", about("m"))
		w.send("/api/chat", about("m"))
		if got := w.post("/api/chat", about("m")); got.header.Get("Retry-After") != "45" {
			t.Errorf("three answers of 15 s will take Retry-After: %s", got.header.Get("Retry-After"))
		}
		if w.facts(0, "m").Breaker.Failures != 0 {
			t.Error("it was held against the server")
		}
	})
}

func TestALongWaitIs503InTheDialectAndSaysWhenToComeAgain(t *testing.T) {
	pretend(t, one+"queue: {wait: 10s}\n", single(), func(t *testing.T, w *world) {
		first := w.send("/api/chat", about("m"))
		var all []*underWay
		for _, c := range busyIn {
			all = append(all, w.send(c.path, c.body))
		}
		for i, a := range all {
			a.end().want(t, 503, busyIn[i].want)
			if a.took != 10*time.Second || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "waited 10s") {
				t.Errorf("after %v, %v: %s", a.took, a.header, a.body)
			}
		}
		first.end().want(t, 200, `"done":true`)
		if len(w.desk.Queues()) != 0 {
			t.Errorf("still in the queue: %+v", w.desk.Queues())
		}
	})
}

func TestAClientThatLeavesLeavesTheQueue(t *testing.T) {
	pretend(t, one, single(), func(t *testing.T, w *world) {
		first := w.send("/api/chat", about("m"))
		second, third := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
		wait(time.Second)
		second.leave()
		second.end()
		if q := w.desk.Queues(); len(q) != 1 || q[0].Length != 1 {
			t.Errorf("the queue is %+v", q)
		}
		if x := w.last(); x.Status != 499 || !x.Gone || len(x.Attempts) != 0 {
			t.Errorf("%+v", x)
		}
		first.end()
		if third.end().want(t, 200, `"done":true`); third.took != 2*answerIn {
			t.Errorf("it took %v", third.took)
		}
		if n := w.boxes["a"].chats("m"); n != 2 {
			t.Errorf("the server was asked %d times", n)
		}
	})
}

func TestALongAnswerOfOneModelHoldsUpNoOtherWhereAServerIsFree(t *testing.T) {
	file := oneEach + "models: {m: a, n: [a, b]}\n"
	pretend(t, file, both(paced(time.Second)), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Model: "m", Pace: time.Minute})
		long, behind := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
		for i := range 3 {
			n := []*underWay{w.send("/api/chat", about("n")), w.send("/api/chat", about("n"))}
			for k, a := range n {
				if a.end().want(t, 200, `"done":true`); a.by() != "b" || a.took != time.Duration(k+1)*answerIn {
					t.Errorf("%d: after %v, by %s", i, a.took, a.by())
				}
			}
		}
		behind.leave()
		long.leave()
		long.end()
		behind.end()
	})
}

func TestWhoWaitsGoesToWhicheverServerIsFreeFirst(t *testing.T) {
	file := oneEach + "models: {m: [a, b]}\n"
	pretend(t, file, both(paced(time.Second)), func(t *testing.T, w *world) {
		w.warm("a", "m")
		w.warm("b", "m")
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: time.Minute, Times: 1})
		x, y := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
		z := w.send("/api/chat", about("m"))
		if z.end().want(t, 200, `"done":true`); z.by() != "b" || z.took != 2*answerIn {
			t.Errorf("after %v, by %s", z.took, z.by())
		}
		x.end().want(t, 200, `"done":true`)
		y.end().want(t, 200, `"done":true`)
	})
}

func TestAStoppedGollamasAnswersThoseWhoWait(t *testing.T) {
	pretend(t, one+"drain: 20s\n", single(), func(t *testing.T, w *world) {
		first, second, third := w.send("/api/chat", about("m")), w.send("/api/chat", about("m")), w.send("/api/v1", "")
		third.end()
		third = w.send("/v1/chat/completions", about("m"))
		w.stop()
		first.end().want(t, 200, `"done":true`)
		if second.end(); second.err != nil || !strings.Contains(second.body, "gollamas is stopping: the answer was cut") {
			t.Errorf("%v %s", second.err, second.body)
		}
		third.end().want(t, 503, `{"error":{"message":"gollamas is stopping"`)
		if third.took < 20*time.Second || third.took > 22*time.Second {
			t.Errorf("it waited %v", third.took)
		}
	})
}

func TestTheTimeOnAServerThatFailedIsNoWait(t *testing.T) {
	o := paced(2 * time.Second)
	o.Models[1].Load = 10 * time.Minute
	pretend(t, inOrder+oneEach+mAndN+"queue: {wait: 1m}\nload_wait: 30m\n", both(o), func(t *testing.T, w *world) {
		a := w.send("/api/chat", about("n")) // it has a load from a
		wait(61 * time.Second)
		b := w.send("/api/chat", about("m")) // b is busy for half a minute
		wait(time.Second)
		w.boxes["a"].die()
		a.end().want(t, 200, `"done":true`)
		if x := w.last(); a.by() != "b" || x.Queued != 29*time.Second {
			t.Errorf("by %s after %v, of which it waited %v", a.by(), a.took, x.Queued)
		}
		b.end().want(t, 200, `"done":true`)
	})
}

func TestABadOptionIsToldAtOnceThoughTheOtherServerIsBusy(t *testing.T) {
	pretend(t, inOrder+oneEach+"models: {m: [a, b], n: b}\n", both(paced(10*time.Second)), func(t *testing.T, w *world) {
		busy := w.send("/api/chat", about("n"))
		bad := w.post("/api/chat", about("m", `"options":{"num_ctx":"x"},`))
		if bad.want(t, 500, "must be of type integer"); bad.took > 0 {
			t.Errorf("after %v", bad.took)
		}
		busy.leave()
		busy.end()
	})
}
