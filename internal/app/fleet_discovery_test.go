package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

const farmed = "balance: round-robin\nconnections: {farm: 'dns+http://" + farm + ":11434'}\nmodels: {m: farm}\n"

// farmOf are boxes that are reached by their addresses.
func farmOf(addresses ...string) map[string]ollamatest.Options {
	boxes := map[string]ollamatest.Options{}
	for _, a := range addresses {
		boxes[a] = paced(time.Second)
	}
	return boxes
}

// served asks for m so often and returns who answered, each once, in order.
func (w *world) served(n int) (by []string) {
	w.t.Helper()
	var all []*underWay
	for range n {
		all = append(all, w.send("/api/chat", about("m")))
	}
	for _, a := range all {
		a.end().want(w.t, 200, `"done":true`)
		by = append(by, a.by())
	}
	slices.Sort(by)
	return slices.Compact(by)
}

func TestEachAddressOfANameIsAServer(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1", "10.0.0.2", "fd00::3"), func(t *testing.T, w *world) {
		if by, want := w.served(6), []string{"farm/10.0.0.1", "farm/10.0.0.2", "farm/fd00::3"}; !slices.Equal(by, want) {
			t.Errorf("answered by %v, not %v", by, want)
		}
		if n := w.logged(`"server found"`); n != 3 {
			t.Errorf("%d lines say which were found:\n%s", n, w.log)
		}
		if x := w.last(); x.Place != "farm" {
			t.Errorf("the exchange's connection is %q", x.Place)
		}
	})
}

func TestAnAddressThatAppearsIsUsedWithinAnInterval(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1"), func(t *testing.T, w *world) {
		w.add("10.0.0.2", paced(time.Second))
		w.move(nil, "10.0.0.1", "10.0.0.2")
		wait(interval)
		if by, want := w.served(4), []string{"farm/10.0.0.1", "farm/10.0.0.2"}; !slices.Equal(by, want) {
			t.Errorf("answered by %v, not %v", by, want)
		}
	})
}

func TestAnAddressThatDisappearsIsDrained(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		w.served(8) // connections are kept
		running := []*underWay{w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))}
		gone := w.boxes["10.0.0.2"]
		had := gone.chats("m")
		w.move(nil, "10.0.0.1")
		wait(interval)
		if by, want := w.served(4), []string{"farm/10.0.0.1"}; !slices.Equal(by, want) || gone.chats("m") != had {
			t.Errorf("answered by %v, not %v", by, want)
		}
		for _, a := range running {
			a.end().want(t, 200, `"done":true`)
		}
		if n := w.logged(`"server gone`, `"server":"farm/10.0.0.2"`, `"in_flight":1`); n != 1 {
			t.Errorf("%d lines say that it is gone:\n%s", n, w.log)
		}
		wait(31 * time.Second)
		if n := len(gone.connected()); n != 0 {
			t.Errorf("%d connections to it are kept", n)
		}
		gone.Reset()
		wait(time.Minute)
		if n := len(gone.Requests()); n != 0 {
			t.Errorf("it was asked %d times more", n)
		}
	})
}

func TestWhoWaitsGoesToNoServerThatIsGone(t *testing.T) {
	file := "connections: {farm: {url: 'dns+http://" + farm + ":11434', parallel: 1}}\nmodels: {m: farm}\n"
	pretend(t, file, farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		w.warm("10.0.0.1", "m")
		w.warm("10.0.0.2", "m")
		w.boxes["10.0.0.1"].Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: 2 * time.Second})
		running := []*underWay{w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))}
		waits := w.send("/api/chat", about("m"))
		w.move(nil, "10.0.0.1")
		if waits.end().want(t, 200, `"done":true`); waits.by() != "farm/10.0.0.1" {
			t.Errorf("answered by %s", waits.by())
		}
		for _, a := range running {
			a.end().want(t, 200, `"done":true`)
		}
	})
}

func TestALookupThatFailsChangesNothingAndIsSaidOnce(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		w.move(errors.New("no such host"))
		wait(10 * interval)
		if by := w.served(4); len(by) != 2 {
			t.Errorf("answered by %v", by)
		}
		w.move(nil, "10.0.0.2", "10.0.0.1")
		wait(3 * interval)
		for _, part := range []string{`"its name cannot be looked up: its servers stay as they were"`, `"its name can be looked up again"`} {
			if n := w.logged(part, `"connection":"farm"`); n != 1 {
				t.Errorf("%d lines say %s:\n%s", n, part, w.log)
			}
		}
		if w.logged(`"server found"`) != 2 || w.logged(`"server gone`) != 0 {
			t.Errorf("servers came or went:\n%s", w.log)
		}
	})
}

func TestANameWithoutAddressesIsNoReasonToPull(t *testing.T) {
	for what, model := range map[string]string{"a name": "m", "a pattern": "'*'"} {
		t.Run(what, func(t *testing.T) {
			file := "connections: {farm: {url: 'dns+http://" + farm + ":11434'}}\nmodels: {" + model + ": farm}\n"
			pretend(t, file, farmOf("10.0.0.1"), func(t *testing.T, w *world) {
				w.move(nil)
				wait(2 * interval)
				w.post("/api/chat", about("m")).want(t, 503, `there is no server for model \"m\" now`)
				w.move(nil, "10.0.0.1")
				wait(2 * interval)
				w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
			})
		})
	}
}

func TestTheSameAddressesInAnotherOrderChangeNothing(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1", "10.0.0.2", "10.0.0.3"), func(t *testing.T, w *world) {
		before := slices.Clone(w.connections[0].Servers())
		for _, order := range []string{"10.0.0.3 10.0.0.1 10.0.0.2", "10.0.0.2 10.0.0.2 10.0.0.3 10.0.0.1", "::ffff:10.0.0.1 10.0.0.2 10.0.0.3"} {
			w.move(nil, strings.Fields(order)...)
			wait(interval)
			if now := w.connections[0].Servers(); !slices.EqualFunc(now, before, func(a, b *fleet.Server) bool { return a == b }) {
				t.Errorf("%s made other servers", order)
			}
		}
		if w.logged(`"server found"`) != 3 || w.logged(`"server gone`) != 0 {
			t.Errorf("servers came or went:\n%s", w.log)
		}
	})
}

func TestAnAddressThatComesBackIsAServerAgain(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		w.move(nil, "10.0.0.1")
		wait(interval)
		w.move(nil)
		wait(interval)
		w.post("/api/chat", about("m")).want(t, 503, "there is no server for model")
		w.move(nil, "10.0.0.1", "10.0.0.2")
		wait(interval)
		if by := w.served(4); len(by) != 2 {
			t.Errorf("answered by %v", by)
		}
	})
}

func TestARequestThatWaitsOnABoxThatIsGoneWithItsAddressMovesOn(t *testing.T) {
	pretend(t, "balance: in-order\n"+farmed[len("balance: round-robin\n"):], farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		w.boxes["10.0.0.1"].Fault(ollamatest.Fault{Kind: ollamatest.Hang})
		a := w.send("/api/chat", about("m"))
		wait(time.Second)
		w.move(nil, "10.0.0.2")
		if a.end().want(t, 200, `"done":true`); a.by() != "farm/10.0.0.2" || a.took > 2*time.Minute {
			t.Errorf("after %v, by %s", a.took, a.by())
		}
	})
}

func TestWhoWaitsSeesServersThatCome(t *testing.T) {
	file := "connections: {farm: {url: 'dns+http://" + farm + ":11434', parallel: 1}}\nmodels: {m: farm}\n"
	for what, then := range map[string][]string{"beside the first": {"10.0.0.1", "10.0.0.2"}, "in its place": {"10.0.0.2"}} {
		t.Run(what, func(t *testing.T) {
			pretend(t, file, map[string]ollamatest.Options{"10.0.0.1": paced(10 * time.Second)}, func(t *testing.T, w *world) {
				runs, waits := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
				w.add("10.0.0.2", paced(time.Second))
				w.move(nil, then...)
				if waits.end().want(t, 200, `"done":true`); waits.by() != "farm/10.0.0.2" || waits.took > time.Minute {
					t.Errorf("after %v, by %s", waits.took, waits.by())
				}
				runs.end().want(t, 200, `"done":true`)
			})
		})
	}
}

func TestMixedModelsAreToldOfOnceThoughServersComeAndGo(t *testing.T) {
	x, y := paced(time.Millisecond), paced(time.Millisecond)
	x.Models[0].Digest, y.Models[0].Digest = strings.Repeat("a", 64), strings.Repeat("b", 64)
	pretend(t, farmed, map[string]ollamatest.Options{"10.0.0.1": x, "10.0.0.2": y}, func(t *testing.T, w *world) {
		wait(interval)
		last := "10.0.0.2"
		for i := range 10 {
			next := fmt.Sprintf("10.0.1.%d", i)
			w.add(next, y)
			w.move(nil, "10.0.0.1", last, next) // one at a time, as a rollout does
			wait(2 * interval)
			w.move(nil, "10.0.0.1", next)
			wait(2 * interval)
			last = next
		}
		if n := w.logged("one name, different models"); n != 1 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
	})
}

func TestANameThatGivesAPartOfItsAddressesEachTimeKeepsToTheirPlaces(t *testing.T) {
	file := "connections: {farm: {url: 'dns+http://" + farm + ":11434', parallel: 1}}\nmodels: {m: farm}\n"
	pretend(t, file, farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		var all []*underWay
		for _, b := range w.boxes {
			b.Fault(ollamatest.Fault{Kind: ollamatest.Slow, Path: "/api/chat", Pace: time.Minute})
		}
		for i := range 6 {
			all = append(all, w.send("/api/chat", about("m")))
			w.move(nil, fmt.Sprintf("10.0.0.%d", 1+i%2))
			wait(12 * time.Second)
			for host, b := range w.boxes {
				if n := b.InFlight(); n > 1 {
					t.Fatalf("%s works on %d at once, with parallel: 1", host, n)
				}
			}
		}
		if w.logged(`"server found again"`) == 0 {
			t.Errorf("none was found again:\n%s", w.log)
		}
		for _, a := range all {
			a.leave()
			a.end()
		}
	})
}
