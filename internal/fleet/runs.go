package fleet

import (
	"slices"

	"gollamas/internal/ollama"
)

// Runs is what the model, which is loaded, is loaded with, as a request has to ask for it so that it is
// not loaded again: what was last asked for here, unless the look shows that somebody else has loaded it
// since. Of that one no more than the context is known, so usual, what the rules would have, is believed where
// it agrees with that. ok is false where any request could be one that has the model loaded again.
func (f *Facts) Runs(s *State, key string, usual ollama.Runner) (r ollama.Runner, ok bool) {
	m := s.Running(key)
	switch {
	case !f.Answered.IsZero() && f.suitsNumCtx(s, key, f.Last.NumCtx):
		return f.Last, true
	case m == nil || m.NumCtx == 0:
		return ollama.Runner{}, true
	case usual.NumCtx == m.NumCtx:
		return usual, true
	case f.Asked > 0 && f.Got == m.NumCtx: // before v0.30 what is asked for counts, not what comes of it
		return ollama.Runner{NumCtx: f.Asked}, true
	case s.ListsOnlyLoaded(), slices.Contains(usualSizes, m.NumCtx):
		return ollama.Runner{NumCtx: m.NumCtx}, true
	}
	return ollama.Runner{}, false
}

// usualSizes are the contexts that a model gets which nobody has asked one for (fleet of v0.15.5 and later): to ask
// for just that then is no reload. Before v0.30, where it was trained for less, it is.
var usualSizes = []int{4096, 32768, 262144}
