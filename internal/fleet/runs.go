package fleet

import "gollamas/internal/ollama"

// Runs is what the model, which is loaded, is loaded with, as a request has to ask for it so that it is
// not loaded again: what was last asked for here, unless the look shows that somebody else has loaded it
// since. Of that one no more than the context is known.
func (f *Facts) Runs(s *State, key string) ollama.Runner {
	m := s.Running(key)
	switch {
	case !f.Answered.IsZero() && f.suitsNumCtx(s, key, f.Last.NumCtx):
		return f.Last
	case m == nil || m.NumCtx == 0:
		return ollama.Runner{}
	case f.Asked > 0 && f.Got == m.NumCtx: // before v0.30 what is asked for counts, not what comes of it
		return ollama.Runner{NumCtx: f.Asked}
	}
	return ollama.Runner{NumCtx: m.NumCtx}
}
