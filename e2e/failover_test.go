package e2e

import (
	"slices"
	"testing"
)

func TestTheOtherServerAnswersWhenOneIsStopped(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) { s.asked(t, f.url, question{model: "tiny-chain", stream: true}) })
		f.a.stop()
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, stream := range []bool{false, true} {
				if a := s.asked(t, f.url, question{model: "tiny-chain", stream: stream}); a.text != chainText {
					t.Errorf("stream %t: heard %q", stream, a.text)
				}
			}
		})
	})
}

func TestAModelOfAStoppedServerIsAnErrorThatNamesTheServer(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		f.a.stop()
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			_, err := s.ask(limited(t), f.url, question{model: "tiny-random", stream: true})
			code, text := told(err)
			if want := `no server answered for model "tiny-random": a: connection refused`; code != 502 || text != want {
				t.Errorf("status %d, %q: %v", code, text, err)
			}
		})
	})
}

func TestAListOutlivesAServer(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		f.a.stop()
		if !lists(t, f.url, slices.Concat(modelsOfA, modelsOfB)) {
			t.Error("models are gone from the list")
		}
	})
}
