package fleet

// cost says what a request would cost.
func (f *Facts) cost(s *State, w Want) Load {
	switch {
	case !f.Loading.IsZero() && f.LoadsFor(w.NumCtx):
		return LoadJoins
	case !f.Loading.IsZero():
		return LoadAgain
	case !f.Loaded(s, w.Key):
		return LoadStart
	case !f.Suits(s, w.Key, w.NumCtx):
		return LoadAgain
	}
	return LoadNone
}

// Loaded says whether the model is loaded: the last look has seen it, or it has answered since.
func (f *Facts) Loaded(s *State, key string) bool {
	return f.Answered.After(s.Looked) || s.Running(key) != nil
}

// Suits says whether the model, which is loaded, has the context that is
// asked for. A request that asks for none takes what there is, unless a request of ours has asked
// for just that: Ollama then loads the model again with its own.
func (f *Facts) Suits(s *State, key string, numCtx int) bool {
	m := s.Running(key)
	got := f.gets(numCtx)
	switch {
	case f.Answered.After(s.Looked): // this is newer than what was seen
		return f.NumCtx == numCtx || got > 0 && got == f.gets(f.NumCtx)
	case m == nil || m.NumCtx == 0 || m.NumCtx == got:
		return true
	case numCtx == 0 && got == 0:
		return f.NumCtx != m.NumCtx
	}
	installed := s.Has(key)
	return installed != nil && installed.Trained == m.NumCtx && numCtx > m.NumCtx // it is clamped
}

// LoadsFor says whether the load under way is of use to a request for a context.
func (f *Facts) LoadsFor(numCtx int) bool {
	return f.Wanted == numCtx || f.gets(numCtx) > 0 && f.gets(numCtx) == f.gets(f.Wanted)
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
