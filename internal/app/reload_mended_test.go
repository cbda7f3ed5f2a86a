package app

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// A keys_file that is empty for a moment must not open the door to everybody.
func TestAnEmptyKeysFileLetsNobodyIn(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	write(t, keys, "[{name: a, key: 0123456789abcdef}]")
	path := file(t, "connections: {s: '"+s.URL()+"'}\nkeys_file: "+keys+"\n")
	r := reloading(t, "--config", path)
	r.post("/api/chat", chat).want(t, 401, "")
	write(t, keys, "")
	if err := r.Reload(t.Context()); err == nil {
		t.Error("an empty keys_file was taken")
	}
	r.post("/api/chat", chat).want(t, 401, "")
}

// A file that is named in vain and then comes must be noticed.
func TestAKeysFileThatComesLaterIsNoticed(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	text := "connections: {s: '" + s.URL() + "'}\n"
	path := file(t, text)
	r := reloading(t, "--config", path)
	write(t, path, text+"keys_file: "+keys+"\n")
	r.said(1, notRead)
	write(t, keys, "[{name: a, key: 0123456789abcdef}]")
	r.said(1, readAgain)
}

// Requests to a model whose servers are all known do not wait for a server that a reload has added and that does not answer.
func TestAReloadThatAddsADeadServerSlowsNobody(t *testing.T) {
	pretend(t, onlyA, both(paced(time.Second)), func(t *testing.T, w *world) {
		before := w.send("/api/chat", about("m")).end()
		defer w.boxes["b"].Fault(ollamatest.Fault{Kind: ollamatest.Hang})()
		w.anew("connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {m: a, n: b}\n")
		after := w.send("/api/chat", about("m")).end()
		if after.took > before.took+500*time.Millisecond {
			t.Errorf("%v before, %v after", before.took, after.took)
		}
	})
}

// Reloads that change what is preloaded, one behind the other (run with -race).
func TestHousesThatChangeOftenAreNotReadWhileTheyMoveIn(t *testing.T) {
	const settings = "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: a, preload: true}, n: {routes: a, preload: %v}}\n"
	pretend(t, fmt.Sprintf(settings, false), both(with("m", "n")), func(t *testing.T, w *world) {
		wait(time.Minute)
		for i := range 20 {
			w.anew("ping: 10s\n" + fmt.Sprintf(settings, i%2 == 0))
			w.looked.Ring()
			w.looked.Ring()
		}
		wait(time.Minute)
	})
}

// A server that takes one request at a time is not sent two because its connection is said anew.
func TestAReloadHoldsAServerToItsPlaces(t *testing.T) {
	pretend(t, one, both(paced(time.Second)), func(t *testing.T, w *world) {
		first := w.send("/api/chat", about("m"))
		w.anew("watch: 7s\n" + one)
		second := w.send("/api/chat", about("m"))
		wait(2 * time.Second)
		if n := w.boxes["a"].InFlight(); n > 1 {
			t.Errorf("%d requests are there at once", n)
		}
		first.end()
		second.end()
	})
}

// Taking the last key away is said in the log: from then on everybody may ask.
func TestALogLineSaysThatNobodyNeedsAKeyAnyMore(t *testing.T) {
	pretend(t, onlyA+"keys: [{name: laptop, key: 0123456789abcdef}]\n", both(with("m")), func(t *testing.T, w *world) {
		before := w.logged(`"level":"WARN"`)
		w.anew(onlyA)
		if w.logged(`"level":"WARN"`) == before {
			t.Error("no warning says so")
		}
	})
}

// What a server has that a reload adds is in the lists as soon as the reload is over.
func TestAReloadThatAddsAServerListsWhatItHasAtOnce(t *testing.T) {
	pretend(t, onlyA, map[string]ollamatest.Options{"a": with("m"), "b": with("n")}, func(t *testing.T, w *world) {
		wait(2 * time.Second) // past the start, when requests wait for the first looks
		w.boxes["b"].lag.Store(int64(100 * time.Millisecond))
		w.anew("connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {m: a, n: b}\n")
		if got := names(t, w.ask("GET", "/api/tags", http.NoBody, 0).body); len(got) != 2 {
			t.Errorf("%q", got)
		}
	})
}
