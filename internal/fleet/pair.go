package fleet

import (
	"sync"
	"sync/atomic"
	"time"

	"gollamas/internal/ollama"
)

// Facts are what gollamas itself knows of one model on one server, from the
// requests it has sent there. They never change; new ones take their place.
type Facts struct {
	InFlight int
	Loading  time.Time     // since when a load that a request of ours started is under way; zero = none is
	Again    bool          // it is there with another context meanwhile
	Held     int           // loads of gollamas' own that are under way or about to be: nobody's leaving ends them
	due      *due          // what those are for
	Wanted   ollama.Runner // what the load is for
	Came     time.Time     // when such a load was last over
	Answered time.Time     // when the first byte of an answer last came: the model was loaded then
	Used     time.Time     // when a request last began or ended
	Stalled  time.Time     // when a request was last given up because nothing came
	Last     ollama.Runner // what the last request that was answered asked for; it is of use only with Answered
	Said     ollama.Runner // what the client of the last request asked for, before rules
	Kept     time.Duration // the keep_alive that was last said for it, 0 = not known
	Unloaded time.Time     // when a request last had it leave memory
	Own      int           // the context it was seen to get where nothing was asked for, 0 = not known
	Asked    int           // what a request last asked for,
	Got      int           // and the context it was seen to get for that
	Learnt   time.Time     // the answer that this was seen after
	Loads    int           // started by requests of ours
	Reloads  int           // of those, started because a request asked for another context
	Size     int64         // bytes it took when it was last seen loaded, 0 = it never was

	First   Learned // to the first byte of a stream, the model loaded and the server idle
	Gap     Learned // the longest wait inside a stream
	Service Learned // a whole request, the model loaded and none in front: no other for it, or a bound on how many there are
	Load    Learned // to the first byte, the model not loaded
	Breaker Breaker
}

// A pair is one model on one server. Readers take its facts and no lock.
type pair struct {
	key   string
	mu    sync.Mutex
	gone  bool // it is forgotten; another has taken, or will take, its place
	facts atomic.Pointer[Facts]
	heard atomic.Int64 // when anything last came from it, as far as it was looked; nanoseconds since 1970
	whole atomic.Int64 // of the requests in flight, those that are answered in one piece
}

func newPair(key string) *pair {
	p := &pair{key: key}
	p.facts.Store(&Facts{})
	return p
}

// change puts new facts in the place of the old.
func (p *pair) change(do func(f *Facts)) (before, after *Facts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.facts.Load()
	next := *before
	do(&next)
	p.facts.Store(&next)
	return before, &next
}

// enter puts new facts in the place of the old of a model's key, and returns its pair, made where there is none.
func (s *Server) enter(key string, do func(f *Facts)) *pair {
	for {
		found, ok := s.pairs.Load(key)
		if !ok {
			found, _ = s.pairs.LoadOrStore(key, newPair(key))
		}
		if p := found.(*pair); p.claim(do) {
			return p
		}
	}
}

// claim changes the facts, unless the pair is being forgotten at this moment.
func (p *pair) claim(do func(f *Facts)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return false
	}
	next := *p.facts.Load()
	do(&next)
	p.facts.Store(&next)
	return true
}

var noFacts = &Facts{}

// Facts are what is known of a model here, by its key. They are never nil.
func (s *Server) Facts(key string) *Facts {
	if p, ok := s.pairs.Load(key); ok {
		return p.(*pair).facts.Load()
	}
	return noFacts
}

// EachFacts calls do for every model a request has been here for.
func (s *Server) EachFacts(do func(key string, f *Facts)) {
	s.pairs.Range(func(key, p any) bool {
		do(key.(string), p.(*pair).facts.Load())
		return true
	})
}

// weigh notes what a look has shown of the models that requests are for.
func (s *Server) weigh(state *State) {
	for i := range state.Loaded {
		m := &state.Loaded[i]
		p, ok := s.pairs.Load(m.Key)
		if !ok {
			continue
		}
		if now := p.(*pair).facts.Load().seen(state, m); now != *p.(*pair).facts.Load() {
			p.(*pair).change(func(f *Facts) { *f = f.seen(state, m) })
			if now.Loading.IsZero() {
				s.pushed(m.Key)
			}
		}
	}
}

// missed notes which of the models that requests are for are not in memory: what they were loaded with, and
// for how long they were to stay, says nothing of the next load, which may be somebody else's.
func (s *Server) missed(state *State) {
	s.pairs.Range(func(key, at any) bool {
		gone := func(f *Facts) bool {
			return !f.Answered.IsZero() && f.Answered.Before(state.Looked) && f.InFlight == 0 && f.Held == 0
		}
		p := at.(*pair)
		if state.Up && state.Running(key.(string)) == nil && gone(p.facts.Load()) {
			p.change(func(f *Facts) {
				if gone(f) { // still
					f.Kept, f.Last, f.Answered = 0, ollama.Runner{}, time.Time{}
				}
			})
		}
		return true
	})
}

// seen are the facts once a look has shown the model loaded: what it takes, which context it
// got for what was asked, and that its load is over, though perhaps no answer has begun.
func (f *Facts) seen(state *State, m *Model) Facts {
	now := *f
	now.Size = m.Size                                                                        // more than on disk, and how much more depends on the context
	if f.Answered.After(f.Learnt) && f.Answered.Before(state.Looked) && f.Loading.IsZero() { // a later look may see what others loaded
		now.Learnt = f.Answered
		switch asked := f.Last.NumCtx; {
		case asked == 0:
			now.Own = m.NumCtx
		case m.NumCtx >= asked || !state.trainedOtherwise(m.Key, m.NumCtx): // less is had only where the model was trained for less
			now.Asked, now.Got = asked, m.NumCtx
		}
	}
	if f.Kept > 0 && f.InFlight == 0 && f.Used.Before(state.Looked) && m.ExpiresAt.Before(f.Used.Add(f.Kept).Add(-clocks)) {
		now.Kept = 0 // somebody else has said less
	}
	if !f.Loading.IsZero() && f.Loading.Before(state.Looked) && !f.Again && f.Held < 2 && state.ListsOnlyLoaded() {
		now.Load, now.Came, now.Loading = f.Load.With(state.Looked.Sub(f.Loading)), state.Looked, time.Time{}
	}
	return now
}

// trainedOtherwise says that a model is known to have been trained for another context than this.
func (s *State) trainedOtherwise(key string, numCtx int) bool {
	m := s.Has(key)
	return m != nil && m.Trained > 0 && m.Trained != numCtx
}

// forget drops what is known of models that are not installed any more: names
// come from clients, so what is kept of them must be bounded by what there is.
func (s *Server) forget(state *State) {
	s.pairs.Range(func(key, at any) bool {
		if state.Has(key.(string)) != nil {
			return true
		}
		p := at.(*pair)
		p.mu.Lock()
		defer p.mu.Unlock()
		f := p.facts.Load()
		if p.gone = f.InFlight == 0 && f.Held == 0; p.gone {
			s.pairs.Delete(key)
		}
		return true
	})
}

// A Push is a load that others may have to make room for.
type Push struct {
	Key    string // of the model that is being loaded
	Since  time.Time
	Surely bool // they have to
}

// Pushing is the load under way that others may have to make room for, nil = there is none.
func (s *Server) Pushing() *Push { return s.pushing.Load() }

// pushed notes that a load is over.
func (s *Server) pushed(key string) {
	if p := s.pushing.Load(); p != nil && p.Key == key {
		s.pushing.CompareAndSwap(p, nil)
	}
}

// Unloaded notes that a request had a model leave memory: what was answered before says nothing of now.
func (s *Server) Unloaded(key string) {
	s.enter(key, func(f *Facts) { f.Answered, f.Unloaded = time.Time{}, time.Now() })
	s.LookAgain()
}
