package fleet

import (
	"slices"

	"gollamas/internal/ollama"
)

// cost says what a request would cost.
func (f *Facts) cost(s *State, w Want) Load {
	switch {
	case !f.Loading.IsZero() && f.LoadsFor(w.Runner):
		return LoadJoins
	case !f.Loading.IsZero():
		return LoadAgain
	case !f.Loaded(s, w.Key):
		return LoadStart
	case !f.Suits(s, w.Key, w.Runner):
		return LoadAgain
	}
	return LoadNone
}

// Loaded says whether the model is loaded: the last look has seen it, and nobody had it leave
// since, or it has answered since.
func (f *Facts) Loaded(s *State, key string) bool {
	return f.newer(s) || s.Running(key) != nil && !f.Unloaded.After(s.Looked)
}

// newer says that an answer has come since the last look began.
func (f *Facts) newer(s *State) bool { return !f.Answered.IsZero() && !f.Answered.Before(s.Looked) }

// Suits says whether the model, which is loaded, is loaded as is asked for.
func (f *Facts) Suits(s *State, key string, r ollama.Runner) bool { return f.Fault(s, key, r) == "" }

// Fault is the option for which the model, which is loaded or being loaded, would be loaded again,
// "" = for none. Of options other than num_ctx only what requests of ours have said is known.
func (f *Facts) Fault(s *State, key string, r ollama.Runner) string {
	if !f.Loading.IsZero() {
		if f.LoadsFor(r) {
			return ""
		}
		return f.between(f.Wanted, r)
	}
	return f.loadedFault(s, key, r)
}

// loadedFault is the same of what is loaded now, whatever is on its way.
func (f *Facts) loadedFault(s *State, key string, r ollama.Runner) string {
	if !f.suitsNumCtx(s, key, r.NumCtx) {
		return "num_ctx"
	}
	if f.Answered.IsZero() {
		return ""
	}
	return f.Last.Fault(r)
}

// suitsNumCtx says whether it has the context. A request that asks for none takes what there is,
// unless a request of ours has asked for just that: Ollama then loads the model again with its own.
func (f *Facts) suitsNumCtx(s *State, key string, numCtx int) bool {
	m := s.Running(key)
	got := f.gets(numCtx)
	switch {
	case f.newer(s): // this is newer than what was seen
		return f.Last.NumCtx == numCtx || got > 0 && got == f.gets(f.Last.NumCtx)
	case m == nil || m.NumCtx == 0 || m.NumCtx == got:
		return true
	case numCtx == 0 && got == 0:
		return f.Last.NumCtx != m.NumCtx
	}
	installed := s.Has(key)
	return installed != nil && installed.Trained == m.NumCtx && numCtx > m.NumCtx // it is clamped
}

// LoadsFor says whether a load that is under way, or about to be, is of use to a request.
func (f *Facts) LoadsFor(r ollama.Runner) bool {
	return f.Alike(f.Wanted, r) || slices.ContainsFunc(f.due.runners(), func(had ollama.Runner) bool { return f.Alike(had, r) })
}

// Alike says whether a model that is loaded for one request is loaded as another asks for.
func (f *Facts) Alike(had, asks ollama.Runner) bool { return f.between(had, asks) == "" }

// between is the option for which it is not, "" = it is.
func (f *Facts) between(had, asks ollama.Runner) string {
	got := f.gets(asks.NumCtx)
	if had.NumCtx != asks.NumCtx && (got == 0 || got != f.gets(had.NumCtx)) {
		return "num_ctx"
	}
	return had.Fault(asks)
}

// gets is the context that a request for so much is known to get: of more than the model was trained
// for, less; of nothing, the server's own. 0 = not known.
func (f *Facts) gets(numCtx int) int {
	switch {
	case numCtx == 0:
		return f.Own
	case numCtx == f.Asked:
		return f.Got
	}
	return numCtx
}
