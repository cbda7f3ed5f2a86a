package e2e

import (
	"strings"
	"testing"

	"gollamas/internal/ollamatest"
)

// The ways in which a stream can break off after some of its records.
var breaks = []struct {
	name string
	kind ollamatest.FaultKind
	text string // that the libraries must tell
}{
	{"connection torn", ollamatest.Cut, "server a: its answer broke off: connection closed"},
	{"ended in silence", ollamatest.SilentEnd, "server a: its answer ended before it was complete"},
}

func TestAStreamThatBreaksOffIsAnErrorInEveryLibrary(t *testing.T) {
	onPretendFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, b := range breaks {
				for _, model := range []string{"tiny-chain", alias} {
					disarm := f.a.pretend.Fault(ollamatest.Fault{Kind: b.kind, Path: s.path, After: 6})
					a, err := s.ask(limited(t), f.url, question{model: model, stream: true})
					disarm()
					s.asked(t, f.url, question{model: "tiny-chain"}) // or it counts as broken, and b is asked
					if _, text := told(err); text != b.text {
						t.Errorf("%s: told %q: %v", b.name, text, err)
					}
					if !strings.HasPrefix(chainText, a.text) || len(a.text) == len(chainText) {
						t.Errorf("%s: heard %q", b.name, a.text)
					}
				}
			}
		})
	})
}

// A model that fails in the middle says so natively; on /v1 Ollama ends the stream as if nothing had happened.
func TestAModelThatFailsInTheMiddleIsAnErrorInEveryLibrary(t *testing.T) {
	onPretendFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, kind := range []ollamatest.FaultKind{ollamatest.ErrorRecord, ollamatest.DieRunning} {
				disarm := f.a.pretend.Fault(ollamatest.Fault{Kind: kind, Path: s.path, After: 6})
				_, err := s.ask(limited(t), f.url, question{model: "tiny-chain", stream: true})
				disarm()
				s.asked(t, f.url, question{model: "tiny-chain"}) // or it counts as broken, and b is asked
				if _, text := told(err); text != s.lastWords() {
					t.Errorf("fault %d: told %q: %v", kind, text, err)
				}
			}
		})
	})
}

// lastWords are what is told of a model that fails: Ollama's own words where it has any.
func (s speaker) lastWords() string {
	if strings.HasPrefix(s.path, "/api/") {
		return "an error was encountered while running the model: unexpected EOF"
	}
	return "server a: its answer ended before it was complete"
}

func TestAServerThatDiesInTheMiddleIsAnErrorInEveryLibrary(t *testing.T) {
	onEachKind(t, func(t *testing.T, k kind) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			f := newFleet(t, k)
			err := f.interrupted(t, s, f.a.stop)
			if _, text := told(err); err == nil || !strings.HasPrefix(text, "server a: its answer broke off") {
				t.Errorf("told %q: %v", text, err)
			}
		})
	})
}

func TestARunnerThatDiesInTheMiddleIsAnErrorInEveryLibrary(t *testing.T) {
	// A pretend server has no runner: its faults stand in for one, above.
	onKinds(t, []kind{real}, func(t *testing.T, k kind) {
		f := newFleet(t, k)
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			err := f.interrupted(t, s, func() { f.a.process.killRunners(t) })
			if _, text := told(err); text != s.lastWords() {
				t.Errorf("told %q: %v", text, err)
			}
		})
	})
}

// interrupted asks a model without an end, and does something once it talks.
func (f *fleet) interrupted(t *testing.T, s speaker, do func()) error {
	t.Helper()
	heard := 0
	return s.talk(limited(t), f.url, question{model: "tiny-endless", stream: true}, func(_, text string) {
		if text != "" {
			if heard++; heard == 5 {
				do()
			}
		}
	})
}

func TestAWholeAnswerThatIsCutIsAnErrorInEveryLibrary(t *testing.T) {
	onPretendFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, model := range []string{"tiny-chain", alias} {
				disarm := f.a.pretend.Fault(ollamatest.Fault{Kind: ollamatest.Cut, Path: s.path, After: 40})
				_, err := s.ask(limited(t), f.url, question{model: model})
				disarm()
				s.asked(t, f.url, question{model: "tiny-chain"})
				if err == nil {
					t.Errorf("%s: the library takes the answer for whole", model)
				}
			}
		})
	})
}

func TestAStreamThatBreaksBeforeItsFirstRecordIsServedByTheOther(t *testing.T) {
	onPretendFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, kind := range []ollamatest.FaultKind{ollamatest.Refuse, ollamatest.Cut, ollamatest.DieRunning, ollamatest.DieLoading} {
				disarm := f.a.pretend.Fault(ollamatest.Fault{Kind: kind, Path: s.path})
				a := s.asked(t, f.url, question{model: "tiny-chain", stream: true})
				disarm()
				if a.text != chainText {
					t.Errorf("fault %d: heard %q", kind, a.text)
				}
			}
		})
	})
}
