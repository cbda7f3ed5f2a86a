package app

import (
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestAServerThatDiesBetweenABlobAndTheCreateIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*box)
		seen    time.Duration // how long after it the create comes
		most    time.Duration
	}{
		"at once":                   {(*box).die, 0, 10 * time.Second},
		"a minute before":           {(*box).die, time.Minute, 10 * time.Second},
		"without a word":            {hushed, 0, 10 * time.Second},
		"without a word, long seen": {hushed, 5 * time.Minute, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				file := newBlob(100)
				w.store(file).want(t, 201, "")
				c.trouble(w.box("b"))
				wait(c.seen)
				a := w.create(file)
				a.wantFinal(t, `{"error":"created on a, c, but not on b (`)
				if a.took > c.most {
					t.Errorf("it took %v", a.took)
				}
				w.wantModel("made", "a c", "a c")
				if got := w.head(file.digest); got != 404 { // b, which it was sent to, does not say that it has it
					t.Errorf("HEAD says %d", got)
				}
			})
		})
	}
}

func TestAServerThatIsBackBeforeTheCreateMakesTheModelToo(t *testing.T) {
	for name, away := range map[string]time.Duration{"for a moment": 0, "so long that it was seen": time.Minute} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				file := newBlob(100)
				w.store(file).want(t, 201, "")
				w.box("b").die()
				wait(away)
				w.box("b").rise(t)
				w.create(file).wantFinal(t, `{"status":"success"}`)
				w.wantModel("made", "a b c", "a b c")
			})
		})
	}
}

// Who was down while the file was sent is not asked to make a model of it, and is not forgotten either.
func TestAServerThatMissedTheBlobIsNamedByTheCreate(t *testing.T) {
	for name, route := range map[string]string{"a model": "made", "a pattern": "'*'"} {
		t.Run(name, func(t *testing.T) {
			file := strings.Replace(trioFile, "made:", route+":", 1)
			pretend(t, file, trio(), func(t *testing.T, w *world) {
				w.box("b").die()
				wait(time.Minute)
				file := newBlob(100)
				w.store(file).want(t, 201, "")
				w.box("b").rise(t)
				wait(time.Minute)
				if got := w.head(file.digest); got != 404 {
					t.Errorf("HEAD says %d though b has not got it", got)
				}
				w.create(file).wantFinal(t, `{"error":"created on a, c, but not on b (it has not got the file `+file.digest)
				w.wantModel("made", "a c", "a b c")
				if n := len(asked(w.box("b").Server, "/api/create")); n > 0 {
					t.Errorf("b was asked %d times", n)
				}
			})
		})
	}
}

func TestAServerThatFailsInTheMiddleOfACreateIsNamed(t *testing.T) {
	const path = "/api/create"
	for name, c := range map[string]struct {
		armed   *ollamatest.Fault
		trouble func(*box)
		reason  string
	}{
		"it dies":                       {nil, (*box).die, ""},
		"its disk is full":              {&ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: path, After: 2, Body: full}, nil, full},
		"its disk is full from the on":  {&ollamatest.Fault{Kind: ollamatest.Status, Path: path, Body: `{"error":"` + full + `"}`}, nil, full},
		"its stream has no end":         {&ollamatest.Fault{Kind: ollamatest.SilentEnd, Path: path, After: 2}, nil, "ended before it was complete"},
		"it hangs and answers no look":  {&ollamatest.Fault{Kind: ollamatest.Hang, Path: path, After: 2}, hushed, "it has said nothing for 1m"},
		"it is torn at its first words": {&ollamatest.Fault{Kind: ollamatest.Cut, Path: path, After: 1}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
				if c.armed != nil {
					w.box("b").Fault(*c.armed)
				}
				a := w.send(path, `{"model":"made","from":"base","system":"s","template":"t"}`)
				wait(500 * time.Millisecond)
				if c.trouble != nil {
					c.trouble(w.box("b"))
				}
				a.end().wantFinal(t, `{"error":"created on a, c, but not on b (`, c.reason)
				w.wantModel("made", "a c", "a c")
			})
		})
	}
}

func TestACreateWhoseClientLeftIsFinished(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		a := w.send("/api/create", `{"model":"made","from":"base","system":"s","template":"t"}`)
		wait(500 * time.Millisecond)
		a.leave()
		a.end()
		if n := strings.Count(w.state(), `"what": "create"`); n != 3 {
			t.Errorf("%d creates are listed as under way: %s", n, w.state())
		}
		wait(10 * time.Second)
		w.wantModel("made", "a b c", "a b c")
		if strings.Contains(w.state(), `"what": "create"`) {
			t.Error("it is still listed")
		}
	})
}

func TestACreateThatIsCutWhenGollamasStopsIsNotToldAsDone(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		a := w.send("/api/create", `{"model":"made","from":"base","system":"s","template":"t"}`)
		wait(500 * time.Millisecond)
		w.stop()
		w.now()
		<-a.over
		a.wantFinal(t, `{"error":"`, "gollamas is stopping")
	})
}

func TestABlobThatIsCutWhenGollamasStopsIsNotToldAsStored(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		file := newBlob(large)
		a, more := w.slowly(file, 6<<20)
		w.stop()
		w.now()
		wait(5 * time.Second)
		more()
		<-a.over
		if a.status < 400 && a.err == nil {
			t.Errorf("status %d: %s", a.status, a.body)
		}
		w.wantBlob(file.digest, "", "a b c")
	})
}
