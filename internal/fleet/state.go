package fleet

import (
	"gollamas/internal/ollama"
)

// A State is what one look at a server saw. While a server does not answer, its
// lists stay as they were last known.
type State struct {
	Known     bool   // it has answered at least once
	Up        bool   // it answered the last look
	Err       string // why it is not up
	Version   string
	Installed []Model
	Loaded    []Model
	installed map[string]int
}

// A Model is one entry of a server's list, and the key of its name.
type Model struct {
	ollama.Listed
	Key  string
	Name ollama.Name
}

// Has finds an installed model by the key of its name, nil if it is not there.
func (s *State) Has(key string) *Model {
	i, ok := s.installed[key]
	if !ok {
		return nil
	}
	return &s.Installed[i]
}

// keyed gives each entry its key. An entry that no request can reach by its
// name (a tag called "local", a stub called x:120b-cloud) is left out: it must not stand for another.
func keyed(list []ollama.Listed) []Model {
	out := make([]Model, 0, len(list))
	for _, l := range list {
		if n, reachable := ollama.ParseListed(l.Name); reachable {
			out = append(out, Model{l, n.Key(), n})
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
