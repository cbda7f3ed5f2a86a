package fleet

import (
	"cmp"
	"slices"
	"sync"
)

// A Note is something about a server that its operator ought to know.
type Note struct{ Topic, Text string }

// notes are a server's, by their topics.
type notes struct {
	mu  sync.Mutex
	all map[string]string
}

// Note keeps a text for the operator, in the place of what was noted of the topic before. An empty
// text takes that away.
func (s *Server) Note(topic, text string) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	switch {
	case text == "":
		delete(s.notes.all, topic)
	case s.notes.all == nil:
		s.notes.all = map[string]string{topic: text}
	default:
		s.notes.all[topic] = text
	}
}

// Notes are what was noted, sorted by topic.
func (s *Server) Notes() []Note {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	out := make([]Note, 0, len(s.notes.all))
	for topic, text := range s.notes.all {
		out = append(out, Note{topic, text})
	}
	slices.SortFunc(out, func(a, b Note) int { return cmp.Compare(a.Topic, b.Topic) })
	return out
}
