package app

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// reload puts another text in the place of the settings and has them read again.
func (w *world) reload(text string) error {
	w.t.Helper()
	if err := os.WriteFile(w.path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return w.Reload(w.t.Context())
}

// anew is reload where nothing is to be wrong.
func (w *world) anew(text string) {
	w.t.Helper()
	if err := w.reload(text); err != nil {
		w.t.Fatal(err)
	}
}

const (
	onlyA = "connections: {a: 'http://a.localhost'}\nmodels: {m: a}\n"
	onlyB = "connections: {b: 'http://b.localhost'}\nmodels: {m: b}\n"
)

func TestAReloadCutsNoStreamAndDrainsTheServerThatIsRemoved(t *testing.T) {
	pretend(t, onlyA, both(paced(time.Second)), func(t *testing.T, w *world) {
		running := w.send("/api/chat", about("m"))
		a := w.server(0)
		w.anew(onlyB)
		if !a.Left() || a.InFlight() != 1 {
			t.Errorf("left %v, %d in flight", a.Left(), a.InFlight())
		}
		w.talk("m", "b")
		running.end().want(t, 200, `"done":true`)
		if running.by() != "a" {
			t.Errorf("answered by %s", running.by())
		}
		wait(31 * time.Second) // idle connections are swept
		if n := len(w.boxes["a"].connected()); n != 0 {
			t.Errorf("%d connections to it are kept", n)
		}
		w.boxes["a"].Reset()
		wait(time.Minute)
		if n := len(w.boxes["a"].Requests()); n != 0 {
			t.Errorf("it was asked %d times more", n)
		}
		if n := w.logged(`"msg":"settings read again"`, `"connections":1`, `"routes":1`, `"added":["b"]`, `"removed":["a"]`); n != 1 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
	})
}

func TestAFarmThatIsRemovedDrains(t *testing.T) {
	pretend(t, farmed, farmOf("10.0.0.1", "10.0.0.2"), func(t *testing.T, w *world) {
		running := []*underWay{w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))}
		w.add("b", paced(time.Second))
		w.anew(onlyB)
		w.talk("m", "b")
		for _, a := range running {
			a.end().want(t, 200, `"done":true`)
		}
		wait(31 * time.Second)
		for _, at := range []string{"10.0.0.1", "10.0.0.2"} {
			w.boxes[at].Reset()
		}
		w.names[farm] = append(w.names[farm], netip.MustParseAddr("10.0.0.3"))
		wait(time.Minute)
		for _, at := range []string{"10.0.0.1", "10.0.0.2"} {
			if n := len(w.boxes[at].Requests()) + len(w.boxes[at].connected()); n != 0 {
				t.Errorf("%s was asked %d times more, or is connected still", at, n)
			}
		}
		if n := w.logged(`"server gone: the settings name its connection no more"`); n != 2 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
	})
}

func TestWhoWaitsGoesByTheNewRoutes(t *testing.T) {
	pretend(t, one, both(paced(time.Second)), func(t *testing.T, w *world) {
		first, second := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
		if q := w.desk.Queues(); len(q) != 1 || q[0].Length != 1 {
			t.Fatalf("%+v", q)
		}
		w.anew(oneEach + "models: {m: [a, b]}\n")
		second.end().want(t, 200, `"done":true`)
		if second.by() != "b" || second.took > 2*answerIn-time.Second {
			t.Errorf("answered by %s after %v", second.by(), second.took)
		}
		first.end().want(t, 200, `"done":true`)
	})
}

func TestWhoWaitsForAModelThatIsTakenAwayIsTold(t *testing.T) {
	pretend(t, one, both(paced(time.Second)), func(t *testing.T, w *world) {
		first, second := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
		w.anew("connections: {a: {url: 'http://a.localhost', parallel: 1}}\nmodels: {n: a}\n")
		second.end().want(t, 503, `there is no server for model \"m\" now`)
		if second.took > 10*time.Millisecond {
			t.Errorf("after %v", second.took)
		}
		w.post("/api/chat", about("m")).want(t, 404, "not found")
		first.end().want(t, 200, `"done":true`)
	})
}

func TestAnAliasThatMeansAnotherModelIsNotAskedInTheOldOnesPlace(t *testing.T) {
	o := paced(time.Second)
	o.Models = append(o.Models, ollamatest.Model{Name: "n"})
	pretend(t, one+"aliases: {x: m}\n", both(o), func(t *testing.T, w *world) {
		first, second := w.send("/api/chat", about("m")), w.send("/api/chat", about("x"))
		w.anew(oneEach + "models: {m: a, n: b}\naliases: {x: n}\n")
		second.end().want(t, 200, `"model":"x"`)
		if second.by() != "a" { // it has asked when x was m
			t.Errorf("answered by %s", second.by())
		}
		first.end()
		if a := w.post("/api/chat", about("x")); a.by() != "b" {
			t.Errorf("answered by %s", a.by())
		}
	})
}

func TestAModelThatBecomesAnAliasIsNotAnsweredByAnother(t *testing.T) {
	o := paced(time.Second)
	o.Models = append(o.Models, ollamatest.Model{Name: "n"})
	pretend(t, one, both(o), func(t *testing.T, w *world) {
		first, second := w.send("/api/chat", about("m")), w.send("/api/chat", about("m"))
		w.anew(oneEach + "models: {n: b}\naliases: {m: n}\n")
		second.end().want(t, 503, "there is no server")
		first.end().want(t, 200, `"done":true`)
	})
}

func TestAConnectionThatIsSaidAsBeforeStaysWithAllThatIsKnown(t *testing.T) {
	pretend(t, twoBoxes, both(with("m", "n")), func(t *testing.T, w *world) {
		w.talk("m", "a")
		a, b := w.settings().connections[0], w.settings().connections[1]
		w.boxes["a"].Reset()
		w.anew("connections: {c: 'http://b.localhost', a: {url: 'http://a.localhost', parallel: 3}}\nmodels: {m: [a, c]}\n")
		now := w.settings().connections
		if now[1] != a || now[0] == b || now[1].Servers()[0].Parallel() != 3 {
			t.Errorf("%v is not %v, or %v is; %d at once", now[1], a, now[0], now[1].Servers()[0].Parallel())
		}
		if f := w.facts(0, "m"); f.Answered.IsZero() {
			t.Error("what was learned is gone")
		}
		if w.boxes["a"].toLoad("m") != 0 {
			t.Error("it was loaded again")
		}
	})
}

func TestWithAnotherHeaderItIsAnotherConnection(t *testing.T) {
	pretend(t, onlyA, both(with("m")), func(t *testing.T, w *world) {
		a := w.settings().connections[0]
		for _, other := range []string{
			"connections: {a: {url: 'http://a.localhost', headers: {X-Token: one}}}\nmodels: {m: a}\n",
			"connections: {a: {url: 'http://a.localhost', headers: {X-Token: two}}}\nmodels: {m: a}\n",
			"connections: {a: {url: 'http://a.localhost/x'}}\nmodels: {m: a}\n",
			"connections: {a: {url: 'http://me@a.localhost'}}\nmodels: {m: a}\n",
			onlyA,
		} {
			w.anew(other)
			if now := w.settings().connections[0]; now == a {
				t.Errorf("it is the same by %s", other)
			} else {
				a = now
			}
		}
		w.anew("watch: 7s\nstall: {first_token: 3m}\nqueue: {length: 7}\ndrain: 3s\n" + onlyA) // these are no part of how it is said
		if length, _ := w.desk.Limits(); w.settings().connections[0] != a || length != 7 {
			t.Errorf("it is another, or %d may wait", length)
		}
		w.talk("m", "a")
	})
}

func TestRequestsWaitForTheFirstLookAtAServerThatIsNew(t *testing.T) {
	o := paced(100 * time.Millisecond)
	pretend(t, onlyA, both(o), func(t *testing.T, w *world) {
		w.direct("b", "/api/generate", `{"model":"m"}`)
		w.boxes["b"].lag.Store(int64(50 * time.Millisecond))
		w.anew("connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {m: [a, b]}\n")
		if a := w.post("/api/chat", about("m")); a.by() != "b" {
			t.Errorf("answered by %s, and b has the model", a.by())
		}
	})
}

func TestABadFileChangesNothing(t *testing.T) {
	pretend(t, onlyA, both(with("m")), func(t *testing.T, w *world) {
		before := w.settings()
		for text, want := range map[string]string{
			"connections: {b: 'http://b.localhost'\n":                                     "is not YAML",
			"connection: {b: 'http://b.localhost'}\nmodels: {m: c}\n":                     "connection: there is no such setting",
			onlyB + "tls: {cert: /nowhere/c.pem, key: /nowhere/k.pem}\n":                  "tls: it is none and cannot become /nowhere/c.pem",
			"connections: {b: {url: 'https://b', tls: {ca: /nowhere}}}\nmodels: {m: b}\n": "connections.b.tls: ca: open /nowhere: no such file",
			onlyB + "keys_file: /nowhere\n":                                               "keys_file: open /nowhere",
			onlyB + "keep_alive: {enforce: sometimes}\n":                                  "keep_alive",
		} {
			if err := w.reload(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", text, err)
			}
			if w.settings() != before {
				t.Fatalf("%s has changed something", text)
			}
		}
		w.talk("m", "a")
		if n := w.logged(`"level":"ERROR"`, `"settings not read again: nothing has changed"`, `"reasons":[`); n != 6 {
			t.Errorf("%d lines say so:\n%s", n, w.log)
		}
		w.anew(onlyB)
		w.talk("m", "b")
	})
}

func TestWhatCannotChangeWhileItRunsIsRefusedByName(t *testing.T) {
	pretend(t, onlyA, both(with("m")), func(t *testing.T, w *world) {
		text := onlyB + "admin: localhost:4\nmax_connections: 5\nread_header: 3s\nshared: redis://me:s3cr3t@localhost\nlevel: debug\n"
		err := w.reload(text)
		if err == nil {
			t.Fatal("it is taken")
		}
		for _, want := range []string{
			"admin: it is localhost:11435 and cannot become localhost:4 while gollamas runs: restart it for that",
			"max_connections: it is 0 and cannot become 5", "read_header: it is 10s and cannot become 3s", "level: it is info and cannot become debug",
			"shared: it cannot change while gollamas runs",
		} {
			if !slices.ContainsFunc(texts(err), func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("no line says %q:\n%v", want, err)
			}
		}
		if strings.Contains(err.Error()+w.log.String(), "s3cr3t") {
			t.Error("a password is told")
		}
		w.talk("m", "a")
		var level string
		w.SetLevel = func(to string) { level = to }
		if w.anew("level: debug\n" + onlyB); level != "debug" {
			t.Errorf("the level is %q", level)
		}
	})
}

func TestAReloadLeavesWhatIsPreloadedInPeace(t *testing.T) {
	const settings = "connections: {a: 'http://a.localhost'%s}\nmodels: {m: {routes: a, preload: true}, n: {routes: a, preload: %v}}\n"
	pretend(t, fmt.Sprintf(settings, "", false), both(with("m", "n")), func(t *testing.T, w *world) {
		wait(interval)
		loads := func() string { return fmt.Sprint(w.boxes["a"].toLoad("m:latest"), w.boxes["a"].toLoad("n:latest")) }
		if loads() != "1 0" {
			t.Errorf("loaded %s", loads())
		}
		w.anew(fmt.Sprintf(settings, ", b: 'http://b.localhost'", false))
		wait(interval)
		if loads() != "1 0" {
			t.Errorf("another server came: loaded %s", loads())
		}
		w.anew(fmt.Sprintf(settings, ", b: 'http://b.localhost'", true))
		wait(interval)
		if loads() != "1 1" {
			t.Errorf("n is to be preloaded now: loaded %s\n%s", loads(), w.log)
		}
		w.anew("ping: 10s\n" + fmt.Sprintf(settings, "", true))
		wait(12 * time.Second)
		if got := loads(); got != "3 2" {
			t.Errorf("every ten seconds now: loaded and pinged %s", got)
		}
		w.anew("connections: {a: 'http://a.localhost'}\nmodels: {m: a, n: a}\n")
		wait(10 * time.Minute)
		if got := loads(); got != "3 2" {
			t.Errorf("nothing is to be preloaded any more: %s", got)
		}
	})
}

func TestKeysComeAndGoWithAReload(t *testing.T) {
	pretend(t, onlyA, both(with("m")), func(t *testing.T, w *world) {
		w.talk("m", "a")
		w.anew(onlyA + "keys: [{name: laptop, key: 0123456789abcdef}]\n")
		w.post("/api/chat", about("m")).want(t, 401, "")
		w.anew(onlyA)
		w.talk("m", "a")
		if strings.Contains(w.log.String(), "0123456789abcdef") {
			t.Error("a key is told")
		}
	})
}

func TestReloadIsRefusedWhereNothingCanBeRead(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL())
	if err := r.Reload(t.Context()); err != errNothingToRead {
		t.Error(err)
	}
	r.stop()
	r.over()
	if err := r.Reload(t.Context()); err != errOver {
		t.Error(err)
	}
}
