package fleet

import (
	"time"

	"gollamas/internal/ollama"
)

// A State is what one look at a server saw. While a server does not answer, its
// lists stay as they were last known. It never changes; a new one takes its place.
type State struct {
	Known     bool      // it has answered at least once
	Up        bool      // it answered the last look, and has taken every connection since
	Err       string    // why it is not up
	Failed    int       // looks in a row that failed
	Looked    time.Time // when the last look that succeeded began
	Version   string
	Installed []Model // without variants
	Variants  []Model // that are installed
	Loaded    []Model // a variant stands here under its base's name
	Room      Room
	installed map[string]int
	variants  map[string]int
}

// A Model is one entry of a server's list, and the key of its name.
type Model struct {
	ollama.Listed
	Key     string
	Name    ollama.Name
	Variant bool // it is a variant; among what is loaded, one whose base is not installed any more
}

// Has finds an installed model by the key of its name, nil if it is not there.
func (s *State) Has(key string) *Model {
	i, ok := s.installed[key]
	if !ok {
		return nil
	}
	return &s.Installed[i]
}

// HasVariant says whether a variant is installed, by the key of its name.
func (s *State) HasVariant(key string) bool {
	_, ok := s.variants[key]
	return ok
}

// Running finds a loaded model by the key of its name, nil if it was not loaded.
// A copy of a model is loaded with it: /api/ps shows only the name that came first.
func (s *State) Running(key string) *Model {
	digest := ""
	if m := s.Has(key); m != nil {
		digest = m.Digest
	}
	for i := range s.Loaded {
		if m := &s.Loaded[i]; m.Key == key && !m.Variant || digest != "" && m.Digest == digest {
			return m
		}
	}
	return nil
}

// ListsOnlyLoaded says whether a model that is still being loaded is left out of Loaded.
// Before v0.30 Ollama lists it as soon as it has begun (routes.go, PsHandler).
func (s *State) ListsOnlyLoaded() bool {
	return s.Version != "" && ollama.CompareVersions(s.Version, "0.30.0") >= 0
}

// Lost says that a server has not answered for so long that an answer it owes is not waited for.
func (s *State) Lost() bool { return !s.Up && s.Failed >= lostAfter }

// lostAfter is how many looks in a row must fail: three times the timeout of a
// look, which a box that is only busy does not need.
const lostAfter = 3

// keyed gives each entry its key. An entry that no request can reach by its name (a tag called "local") is left out: it
// must not stand for another. A stub called x:120b-cloud stays, with that tag in its key, which no model at home can have.
func keyed(list []ollama.Listed) []Model {
	out := make([]Model, 0, len(list))
	for _, l := range list {
		if n, reachable := ollama.ParseListed(l.Name); reachable || l.RemoteHost != "" && n.Model != "" {
			_, _, variant := ParseVariant(n)
			out = append(out, Model{l, n.Key(), n, variant})
		}
	}
	return out
}

func index(list []Model) map[string]int {
	m := make(map[string]int, len(list))
	for i, l := range list {
		m[l.Key] = i
	}
	return m
}
