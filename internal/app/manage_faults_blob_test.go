package app

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// large is more than the window of an upload and whatever stands in connections.
const large = 12 << 20

func TestAServerThatFailsInTheMiddleOfABlobIsNamedAndTheOthersHaveIt(t *testing.T) {
	for name, c := range map[string]struct {
		armed   *ollamatest.Fault
		trouble func(*box)
		reason  string
		most    time.Duration
	}{
		"it dies":                       {nil, (*box).die, "", 10 * time.Second},
		"its connections are cut":       {nil, (*box).cut, "", 10 * time.Second},
		"its disk is full":              {&ollamatest.Fault{Kind: ollamatest.Full, After: 1 << 20}, nil, "no space left on device", 10 * time.Second},
		"it refuses at once":            {&ollamatest.Fault{Kind: ollamatest.Full}, nil, "no space left on device", 10 * time.Second},
		"it takes nothing more":         {&ollamatest.Fault{Kind: ollamatest.Jam, After: 1 << 20}, nil, "it has taken nothing for 2m0s", 3 * time.Minute},
		"it hangs and answers no look":  {&ollamatest.Fault{Kind: ollamatest.Jam, After: 1 << 20}, hushed, "nothing for", 3 * time.Minute},
		"it hangs, having taken it all": {&ollamatest.Fault{Kind: ollamatest.Jam, After: large}, hushed, "it has said nothing for 1m", 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				file, b := newBlob(large), w.box("b")
				if c.armed != nil {
					b.Fault(*c.armed)
				}
				a, more := w.slowly(file, 2<<20)
				wait(time.Second)
				if c.trouble != nil {
					c.trouble(b)
				}
				more()
				a.end().want(t, 201, "")
				if note := a.header.Get("X-Gollamas-Note"); !strings.HasPrefix(note, "the file is stored on a, c, but not on b (") || !strings.Contains(note, c.reason) {
					t.Errorf("the note is %q", note)
				}
				if got := strings.Join(a.header.Values("X-Gollamas-Server"), " "); got != "a c" || a.took > c.most {
					t.Errorf("by %q in %v", got, a.took)
				}
				w.wantBlob(file.digest, "a c", "a c")
				if got := w.head(file.digest); got != 404 {
					t.Errorf("HEAD says %d though b has not got it", got)
				}
				w.create(file).wantFinal(t, `{"error":"created on a, c, but not on b (`)
				w.wantModel("made", "a c", "a c")
			})
		})
	}
}

// create makes the model of a blob.
func (w *world) create(b blob) *underWay {
	w.t.Helper()
	return w.post("/api/create", `{"model":"made","files":{"m.gguf":"`+b.digest+`"}}`)
}

func TestABlobThatAllServersRefuseIsRefusedInOllamasWords(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		for _, b := range w.boxes {
			b.Fault(ollamatest.Fault{Kind: ollamatest.Full, Body: full})
		}
		file := newBlob(large)
		w.store(file).want(t, 500, `{"error":"`+full+`"}`)
		if got := w.head(file.digest); got != 404 {
			t.Errorf("HEAD says %d", got)
		}
	})
}

func TestABlobOfAnotherDigestIsRefusedAsOllamaDoes(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "large": large} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				file, other := newBlob(size), newBlob(200)
				a := w.upload(other.digest, bytes.NewReader(file.bytes), int64(size)).end()
				a.want(t, 400, `{"error":"digest mismatch, expected \"`+other.digest+`\", got \"`+file.digest+`\""}`)
				if got := w.head(other.digest); got != 404 {
					t.Errorf("HEAD says %d", got)
				}
				w.wantBlob(other.digest, "", "a b c")
			})
		})
	}
}

// sentOf is how much of a large blob comes before something happens to it.
const sentOf = 6 << 20

// A client that leaves, or sends less than it has said, has stored nothing anywhere, and what it sent is not the file.
func TestABlobThatIsNotWholeIsOnNoServer(t *testing.T) {
	for name, length := range map[string]int64{"the client leaves, in chunks": -1, "the client leaves, with a length": large} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				file, rest := newBlob(large), make(chan struct{})
				a := w.upload(file.digest, &parts{bytes.NewReader(file.bytes[:sentOf]), held(rest)}, length)
				wait(time.Second)
				a.leave()
				wait(time.Second)
				close(rest) // net/http's client waits for it
				a.end()
				if x := w.last(); !x.Gone || x.Status != 499 {
					t.Errorf("%+v", x)
				}
				w.wantNothing(file)
			})
		})
	}
	t.Run("it sends less than it has said", func(t *testing.T) {
		pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
			file := newBlob(large)
			a := w.upload(file.digest, bytes.NewReader(file.bytes[:sentOf]), large).end()
			if a.err == nil {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			wait(time.Second)
			w.wantNothing(file)
		})
	})
	t.Run("it rests for more than a minute", func(t *testing.T) {
		pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
			file := newBlob(large)
			a, more := w.slowly(file, sentOf)
			wait(2 * time.Minute)
			more()
			a.end()
			if a.err == nil && a.status != 408 {
				t.Errorf("status %d: %s", a.status, a.body)
			}
			w.wantNothing(file)
		})
	})
}

// parts is a reader of two, which hides what it knows of its length.
type parts struct {
	first *bytes.Reader
	then  held
}

func (p *parts) Read(b []byte) (int, error) {
	if p.first.Len() > 0 {
		return p.first.Read(b)
	}
	return p.then.Read(b)
}

// wantNothing fails where a blob is anywhere, counts as sent, or a model can be made of it; then it is stored as if nothing had been.
func (w *world) wantNothing(file blob) {
	w.t.Helper()
	w.wantBlob(file.digest, "", "a b c")
	w.wantBlob(newBlob(sentOf).digest, "", "a b c") // Ollama keeps whatever comes to its end
	if got := w.head(file.digest); got != 404 {
		w.t.Errorf("HEAD says %d", got)
	}
	for _, b := range w.boxes {
		if n := b.InFlight(); n > 0 {
			w.t.Errorf("%d requests are still under way", n)
		}
	}
	made := w.create(file)
	if strings.Contains(made.body, `"success"`) || !strings.Contains(made.body, `"error"`) {
		w.t.Errorf("a model was made of it: %s", made.body)
	}
	w.wantModel("made", "", "a b c")
	w.store(file).want(w.t, 201, "")
	w.create(file).wantFinal(w.t, `{"status":"success"}`)
	w.wantModel("made", "a b c", "a b c")
}

func TestABlobThatAllServersHaveIsNotRead(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		file := newBlob(100)
		w.store(file).want(t, 201, "")
		if got := w.head(file.digest); got != 200 {
			t.Errorf("HEAD says %d", got)
		}
		for _, length := range []int64{-1, 5 << 30} {
			body := &endless{}
			a := w.upload(file.digest, body, length).end()
			a.want(t, 200, "")
			if x := w.last(); x.BytesIn > 0 || body.read.Load() > 1<<20 {
				t.Errorf("%d bytes were read of the %d that the client could send", x.BytesIn, body.read.Load())
			}
		}
		for host := range w.boxes {
			if n := w.posts(host, file.digest); n != 1 {
				t.Errorf("%s was sent it %d times", host, n)
			}
		}
	})
}

// An endless reader has as much as anybody wants.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read.Add(int64(len(b)))
	return len(b), nil
}

func TestABlobThatOneServerHasIsSentToTheOthersOnly(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		file := newBlob(large)
		w.put("b", file)
		if got := w.head(file.digest); got != 404 {
			t.Errorf("HEAD says %d though only b has it", got)
		}
		a := w.store(file)
		a.want(t, 201, "")
		if got := strings.Join(a.header.Values("X-Gollamas-Server"), " "); got != "a b c" {
			t.Errorf("by %q", got)
		}
		for host, want := range map[string]int{"a": 1, "b": 1, "c": 1} { // b's is ours
			if n := w.posts(host, file.digest); n != want {
				t.Errorf("%s was sent it %d times", host, n)
			}
		}
		w.wantBlob(file.digest, "a b c", "a b c")
		if got := w.head(file.digest); got != 200 {
			t.Errorf("HEAD says %d", got)
		}
		w.create(file).wantFinal(t, `{"status":"success"}`)
		w.wantModel("made", "a b c", "a b c")
	})
}

// put stores a blob on a box without gollamas.
func (w *world) put(host string, file blob) {
	w.t.Helper()
	door := w.door
	w.door = w.box(host).current()
	w.store(file).want(w.t, 201, "")
	w.door = door
}

// posts is how often a blob was sent to a box.
func (w *world) posts(host, digest string) (n int) {
	for _, q := range asked(w.box(host).Server, "/api/blobs/"+digest) {
		if q.Method == "POST" {
			n++
		}
	}
	return n
}

// All of a small file is read before anybody sees that a server takes none of it.
func TestAServerThatTakesNothingOfASmallBlobIsGivenUpAsSoon(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		w.box("b").Fault(ollamatest.Fault{Kind: ollamatest.Jam})
		a := w.store(newBlob(1 << 20))
		a.want(t, 201, "")
		if note := a.header.Get("X-Gollamas-Note"); !strings.Contains(note, "not on b (it has taken nothing for 2m0s)") || a.took > 3*time.Minute {
			t.Errorf("after %v: %q", a.took, note)
		}
	})
}
