package e2e

import (
	"slices"
	"testing"
)

func TestEveryLibraryGetsTheWholeAnswer(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			a := s.asked(t, f.url, question{model: "tiny-chain"})
			if a.text != chainText || a.records != 1 || !slices.Equal(a.models, []string{"tiny-chain"}) {
				t.Errorf("heard %+v", a)
			}
		})
	})
}

func TestEveryLibraryGetsTheAnswerWordByWord(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			a := s.asked(t, f.url, question{model: "tiny-chain", stream: true})
			if a.text != chainText || a.records < len(chainWords) {
				t.Errorf("heard %+v", a)
			}
		})
	})
}

func TestTheAnswerNamesTheAliasInEveryRecord(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, stream := range []bool{false, true} {
				a := s.asked(t, f.url, question{model: alias, stream: stream})
				if a.text != chainText || len(a.models) == 0 {
					t.Errorf("stream %t: heard %+v", stream, a)
				}
				for _, name := range a.models {
					if name != alias {
						t.Errorf("stream %t: a record names %q", stream, name)
					}
				}
			}
		})
	})
}
