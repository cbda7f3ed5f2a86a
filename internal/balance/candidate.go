// Package balance chooses: in which order a model's servers are asked, which has
// a place free, and who waits until one has.
package balance

import (
	"time"

	"gollamas/internal/fleet"
)

// A Member is a server that a model's route leads to.
type Member struct {
	Server *fleet.Server
	Weight int // its share among others; 0 = 1
	Tier   int // a lower one is asked first
}

// A Candidate is a server as it is at the moment of choosing, in plain values. A policy puts them in order.
type Candidate struct {
	Server *fleet.Server
	Weight int // at least 1
	Tier   int
	Rank   int // its place in the route
	Health Health

	Loaded   bool          // the model is in its memory
	Suits    bool          // and loaded as is asked for
	Fault    string        // where it is loaded otherwise: the option for which it would be loaded again
	Loading  bool          // a request of ours is having it loaded
	Since    time.Duration // for so long
	InFlight int           // requests on the server: ours, and those of other replicas
	Others   int           // of those, the other replicas'
	Same     int           // of ours, for this model
	Places   int           // how many it may have at once, 0 = no limit
	Ahead    int           // requests for this model that wait already, this server's share

	Service time.Duration // what a request takes once the model is loaded, 0 = not known
	Load    time.Duration // what loading it takes, 0 = not known
	Size    int64         // bytes it is expected to take, 0 = not known
	Fits    fleet.Fit     // beside what is loaded there
	Evicts  time.Duration // where it may not: the loads it will cost to have back what it pushes out
	Spills  bool          // it does not fit even alone, and part of it would be on the processor
	Taken   bool          // another model is being loaded: Ollama loads one at a time
	Settled time.Duration // how long ago the last load was over

	Cost   time.Duration // what a policy expects a request to cost here
	After  time.Duration // a request takes this only once it has waited so long for a better one
	Yields bool          // it may have to leave for a model that is being loaded, and every request holds that up
	Later  bool          // no request takes this now: something else must be over first
}

// Health is how much hope there is in asking a server, the most first.
type Health uint8

// What may be known of a server and the model.
const (
	Ready   Health = iota // it is up and has the model
	Unknown               // nobody has looked at it yet
	Missing               // it is up, but did not list the model
	Broken                // it is up, but this or everything fails there
	Down                  // it does not answer
)

// Free says whether it has a place.
func (c *Candidate) Free() bool { return c.Places == 0 || c.InFlight < c.Places }

// spared says that a request which has waited so long does better to wait on than to take a place here.
func (c *Candidate) spared(waited time.Duration) bool { return c.Later || waited < c.After }

// share is how busy it is for its weight.
func (c *Candidate) share() float64 {
	return float64(c.InFlight) / float64(max(c.Places, 1)*c.Weight)
}

// candidate looks at one member for a request.
func (d *Desk) candidate(m Member, rank int, ask *Ask, boxes boxes, now time.Time) Candidate {
	s := m.Server
	state, facts := s.State(), s.Facts(ask.Key)
	c := Candidate{
		Server: s, Weight: max(m.Weight, 1), Tier: m.Tier, Rank: rank,
		Health: health(s, state, facts, ask.Key, now),
		Loaded: facts.Loaded(state, ask.Key), Loading: !facts.Loading.IsZero(),
		Others: s.Others(), Same: facts.InFlight, Places: s.Parallel(),
		Service: facts.Service.Typical, Load: facts.Load.Typical,
	}
	c.InFlight = s.InFlight() + c.Others
	runner := ask.on(s)
	if c.Loading && !facts.LoadsFor(runner) && !d.Unguarded { // it will be there with another context
		c.Loaded, c.Loading = true, false
	}
	if c.Loaded {
		c.Fault = facts.Fault(state, ask.Key, runner)
	}
	c.Suits = c.Loaded && facts.Loading.IsZero() && (c.Fault == "" || d.Unguarded)
	if c.Loading {
		c.Since = now.Sub(facts.Loading)
	}
	switch {
	case c.Loading:
	case c.Suits:
		c.Yields = yields(s, ask.Key, state, now)
	case c.Loaded: // with another context: it has its room
		c.Fits = fleet.FitYes
		box := boxes.of(s, state, now)
		c.Settled, c.Taken = box.settled, box.taken
	default:
		c.room(boxes.of(s, state, now), state, ask.Key)
	}
	return c
}

func health(s *fleet.Server, state *fleet.State, facts *fleet.Facts, key string, now time.Time) Health {
	switch {
	case !state.Known && state.Err == "":
		return Unknown
	case !state.Up:
		return Down
	case !s.Breaker().Lets(now) || !facts.Breaker.Lets(now):
		return Broken
	case state.Has(key) == nil:
		return Missing
	}
	return Ready
}
