package fleet

import (
	"log/slog"
	"time"
)

// judge lets the server as a whole feel what happened to one request. It has
// its own breaker for a box on which everything fails while its lists look fine: one model is not everything.
func (s *Server) judge(t *Turn, now time.Time, o Outcome) {
	if o.Verdict == Unreached {
		s.unreached(now, o.Reason)
	}
	nothing := o.Verdict != Failed && o.Verdict != Stalled && !(o.Verdict == Fine && s.failing.Load())
	if t.pair == nil || nothing && !t.proof {
		return // the usual case takes no lock
	}
	before, after := s.changeBreaker(func(b Breaker) Breaker {
		switch o.Verdict {
		case Fine:
			clear(s.failed)
		case Failed, Stalled:
			if len(s.failed) < 2 { // more need not be told apart, and names come from clients
				s.failed[t.want.Key] = true
			}
			if len(s.failed) < 2 && !t.proof {
				return b
			}
		}
		return b.after(now, o, t.proof)
	})
	s.tellBreaker(before, after, "")
}

// changeBreaker puts another in the place of the server's breaker.
func (s *Server) changeBreaker(to func(Breaker) Breaker) (before, after Breaker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = *s.breaker.Load()
	after = to(before)
	s.breaker.Store(&after)
	s.failing.Store(after.Open() || after.Failures > 0 || len(s.failed) > 0)
	return before, after
}

// unreached notes that a connection could not be opened. The server is down
// until a look that begins after this succeeds.
func (s *Server) unreached(now time.Time, reason string) {
	s.become(func(before *State) *State {
		next := *before
		next.Up, next.Err = false, reason
		s.refused = now
		return &next
	})
	s.LookAgain()
}

// become puts another state in the place of the one there is, and says in the log what has changed.
func (s *Server) become(to func(before *State) *State) {
	s.mu.Lock()
	before := s.State()
	now := to(before)
	s.state.Store(now)
	s.mu.Unlock()
	switch log := s.opts.Log; {
	case now.Up && !before.Up:
		s.returned()
		log.Info("server up", "server", s.id, "version", now.Version, "installed", len(now.Installed), "loaded", len(now.Loaded))
	case !now.Up && (before.Up || before.Err == ""):
		log.Warn("server down", "server", s.id, "reason", now.Err)
	}
}

// returned gives what failed as the server went away another chance: it has usually begun anew.
func (s *Server) returned() {
	before, after := s.changeBreaker(func(b Breaker) Breaker { clear(s.failed); return b.back() })
	s.tellBreaker(before, after, "")
	s.pairs.Range(func(key, p any) bool {
		before, after := p.(*pair).change(func(f *Facts) { f.Breaker = f.Breaker.back() })
		s.tellBreaker(before.Breaker, after.Breaker, key.(string))
		return true
	})
}

// tellBreaker says in the log that a breaker has opened or closed. key is the model's, "" = the server's own.
func (s *Server) tellBreaker(before, after Breaker, key string) {
	if !after.Open() && !before.Open() || after.Open() && before.Until.Equal(after.Until) {
		return
	}
	args := []any{"server", s.id}
	what := "server"
	if key != "" {
		what, args = "model on server", append(args, "model", short(s.State(), key))
	}
	switch {
	case after.Open():
		s.opts.Log.Warn(what+" fails: others are asked first", append(args, "reason", after.Reason, "for", after.Pause)...)
	case after.Failures > 0:
		s.opts.Log.Info(what+" is asked again: the server was away and is back", args...)
	default:
		s.opts.Log.Info(what+" works again", args...)
	}
}

// short is a model's name for people.
func short(s *State, key string) string {
	if m := s.Has(key); m != nil {
		return m.Listed.Name
	}
	return key
}

// Breaker is the server's own.
func (s *Server) Breaker() Breaker { return *s.breaker.Load() }

var silent = slog.New(slog.DiscardHandler)
