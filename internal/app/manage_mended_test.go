package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestWhatReachesNoServerIsNotToldAsDone(t *testing.T) {
	pretend(t, "manage: true\nconnections: {farm: 'dns+http://"+farm+":11434'}\nmodels: {m: farm}\n", nil, func(t *testing.T, w *world) {
		for _, c := range [][2]string{
			{"/api/pull", `{"model":"m"}`}, {"/api/pull", `{"model":"m","stream":false}`}, {"/api/copy", `{"source":"m","destination":"m"}`},
			{"/api/create", `{"model":"m","files":{"a":"sha256:` + strings.Repeat("a", 64) + `"}}`},
		} {
			w.post(c[0], c[1]).want(t, 503, "no address is found")
		}
	})
}

func TestWhatGollamasItselfSaysOfAChangeNamesTheServer(t *testing.T) {
	for name, c := range map[string]struct {
		fault ollamatest.Fault
		why   string
	}{
		"ends in silence": {ollamatest.Fault{Kind: ollamatest.SilentEnd}, "its answer ended before it was complete"},
		"cut":             {ollamatest.Fault{Kind: ollamatest.Cut}, "connection closed"},
	} {
		t.Run(name, func(t *testing.T) {
			file := "connections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {one: [a], two: [a, b]}\n"
			pretend(t, file, both(with()), func(t *testing.T, w *world) {
				c.fault.Path, c.fault.After = "/api/pull", 2
				for _, b := range w.boxes {
					b.Fault(c.fault)
				}
				w.post("/api/pull", `{"model":"one","stream":false}`).want(t, 502, `{"error":"not pulled on a (`+c.why+`)"}`)
				w.post("/api/pull", `{"model":"two","stream":false}`).want(t, 502, `{"error":"not pulled on a (`+c.why+`), b (`+c.why+`)"}`)
			})
		})
	}
}

func TestManyWhoPullMakeNotManyLooks(t *testing.T) {
	slow := with()
	slow.Pace = 10 * time.Second
	for route, most := range map[string]int{"m": 0, "'*'": 2} {
		t.Run(route, func(t *testing.T) {
			pretend(t, "connections: {a: 'http://a.localhost'}\nmodels: {"+route+": a}\nwatch: 1h\n", map[string]ollamatest.Options{"a": slow}, func(t *testing.T, w *world) {
				looks := func() int { return len(asked(w.boxes["a"].Server, "/api/tags")) }
				before := looks()
				w.boxes["a"].lag.Store(int64(100 * time.Millisecond)) // so that they come while a look is under way
				var all []*underWay
				for range 50 {
					all = append(all, w.begin("/api/pull", `{"model":"m"}`))
				}
				wait(5 * time.Second)
				if n := looks() - before; n > most {
					t.Errorf("%d looks", n)
				}
				w.boxes["a"].lag.Store(0)
				for _, a := range all {
					a.end()
				}
			})
		})
	}
}

// A rest is what a client does that has nothing to say.
type rest struct{ over chan struct{} }

func (r rest) Read([]byte) (int, error) {
	<-r.over
	return 0, io.ErrUnexpectedEOF
}

func TestAClientThatRestsHearsAtOnceThatNobodyTakesItsFile(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		for _, b := range w.boxes {
			b.Fault(ollamatest.Fault{Kind: ollamatest.Full, After: 1, Body: full})
		}
		over := make(chan struct{})
		defer close(over)
		a := w.upload(digestOfNothing, io.MultiReader(strings.NewReader(strings.Repeat("a", 1<<20)), rest{over}), -1)
		wait(5 * time.Second)
		a.want(t, http.StatusInternalServerError, full)
	})
}

// digestOfNothing is that of an empty file.
const digestOfNothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestAServerWhoseAddressIsGoneFinishesItsPull(t *testing.T) {
	o := with()
	o.Pace = 40 * time.Second // five steps, each silent for long
	pretend(t, "connections: {farm: 'dns+http://"+farm+":11434'}\nmodels: {m: farm}\n", map[string]ollamatest.Options{"127.0.0.2": o, "127.0.0.3": o}, func(t *testing.T, w *world) {
		a := w.send("/api/pull", `{"model":"m"}`)
		wait(time.Second)
		w.move(nil, "127.0.0.3")
		a.end().want(t, 200, `{"status":"success"}`)
	})
}

func TestAServerWhoseAddressIsGoneAndThatIsSilentIsGivenUp(t *testing.T) {
	o := with()
	o.Pace = time.Second
	pretend(t, "connections: {farm: 'dns+http://"+farm+":11434'}\nmodels: {m: farm}\n", map[string]ollamatest.Options{"127.0.0.2": o, "127.0.0.3": o}, func(t *testing.T, w *world) {
		gone := w.box("127.0.0.2")
		gone.Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/pull", After: 2})
		a := w.send("/api/pull", `{"model":"m"}`)
		wait(2 * time.Second)
		w.move(nil, "127.0.0.3")
		wait(time.Minute)
		gone.Fault(ollamatest.Fault{Kind: ollamatest.Hang}) // it answers no look any more
		began := time.Now()
		a.end().want(t, 200, "but not on farm/127.0.0.2 (it has said nothing for ")
		if took := time.Since(began); took > 3*time.Minute {
			t.Errorf("it was waited for %s", took)
		}
	})
}

func TestTheNoteOfAFileCanBeSentWhateverAServerSays(t *testing.T) {
	for i, text := range []string{"no\r\nspace", "no \x1b[2J space", "no\x00space", "kein Platz für ü", "bad \xff", strings.Repeat("no space ", 20_000)} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				w.box("b").Fault(ollamatest.Fault{Kind: ollamatest.Full, After: 1, Body: text})
				a := w.store(newBlob(1 << 20))
				if a.want(t, 201, ""); !strings.Contains(a.header.Get("X-Gollamas-Note"), "but not on b") {
					t.Errorf("%v %v", a.header, a.err)
				}
			})
		})
	}
}
