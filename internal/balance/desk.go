package balance

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A Desk gives requests their servers. It holds one lock for as long as it takes
// to choose among plain values, so that two requests never take one place.
type Desk struct {
	Unguarded bool // loads with other options cost nothing to choose: only to see what the guard is worth

	mu     sync.Mutex
	length int
	most   time.Duration
	queues map[line]*queue   // a model's key → who waits
	rounds map[string]uint64 // a model's key → how many were chosen for
	boxes  boxes             // as they are while the lock is held
	ticket uint64
	len    atomic.Int64 // of all queues
	review *time.Timer  // goes while anybody waits
}

// NewDesk lets so many requests wait for a place, each for at most so long.
func NewDesk(length int, most time.Duration) *Desk {
	return &Desk{length: length, most: most, queues: map[line]*queue{}, rounds: map[string]uint64{}, boxes: boxes{}}
}

// Limit lets so many requests wait from now on, each for at most so long. Those that wait go on as they were let in.
func (d *Desk) Limit(length int, most time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.length, d.most = length, most
}

// An Ask is what a request needs.
type Ask struct {
	Key     string          // of the model
	Model   string          // its name, for people
	Members func() []Member // of now: while a request waits, servers come and go
	Policy  Policy
	Runner  ollama.Runner                     // what it asks its model to be loaded with
	On      func(*fleet.Server) ollama.Runner // the same as rules have it on a server; nil = as it asks
	Keep    func(*fleet.Server) time.Duration // the keep_alive it says there, as fleet.Want has it; nil = none
	Stream  bool                              // it is answered piece by piece
	Tools   bool                              // it names tools
	Unloads bool                              // it has the model leave memory
	Counted bool                              // it takes a place: it has the model work, rather than asking about it
	Alike   bool                              // its answer can be compared only with those of the very same model: embeddings
}

// on is what the model is to be loaded with on a server.
func (a *Ask) on(s *fleet.Server) ollama.Runner {
	if a.On == nil {
		return a.Runner
	}
	return a.On(s)
}

// A Call is one request's way from server to server until one answers.
type Call struct {
	desk   *Desk
	ask    Ask
	waits  *line // what it waits in, nil = it was not asked yet
	tried  []*fleet.Server
	waited time.Duration // in the queue, before
	since  time.Time     // in the queue now; zero = it is not
	ticket uint64
}

// wait is how long it has waited in the queue, all in all.
func (c *Call) wait(now time.Time) time.Duration {
	if c.since.IsZero() {
		return c.waited
	}
	return c.waited + now.Sub(c.since)
}

// Call begins one.
func (d *Desk) Call(ask Ask) *Call { return &Call{desk: d, ask: ask} }

// mostRounds bounds what is remembered of names that come from clients.
const mostRounds = 4096

// chosen counts the choices made for a model.
func (d *Desk) chosen(key string) {
	if len(d.rounds) >= mostRounds {
		clear(d.rounds)
	}
	d.rounds[key]++
}

// pick claims the best server that has a place. Where none has one, waits says
// whether there is any to wait for. anywhere: a request that cannot wait, or not any longer, takes a
// place that the policy would rather leave free. The lock is held.
func (d *Desk) pick(c *Call, hope fleet.Hope, ahead int, anywhere bool, now time.Time) (turn *fleet.Turn, waits bool) {
	all := d.order(c, hope, ahead, now)
	for i := range all {
		at := &all[i]
		if !c.takes(at, anywhere, now) {
			continue
		}
		turn = d.claim(c, at, now)
		turn.Avoids = cmp.Or(turn.Avoids, d.avoids(c, turn, all, ahead, anywhere, now))
		turn.Spare = c.spare()
		if c.ask.Counted && len(c.tried) == 1 { // what only asks about a model, and what is asked once more, is nobody's turn
			d.chosen(c.ask.Key)
		}
		return turn, false
	}
	return nil, len(all) > 0
}

// takes says whether a request takes a place on a server now.
func (c *Call) takes(at *Candidate, anywhere bool, now time.Time) bool {
	return !c.ask.Counted || at.Free() && (anywhere || !at.spared(c.wait(now)))
}

// claim takes a place for a request.
func (d *Desk) claim(c *Call, at *Candidate, now time.Time) *fleet.Turn {
	s, ask := at.Server, &c.ask
	c.tried = append(c.tried, s)
	delete(d.boxes, s) // it is not as it was
	keep := time.Duration(0)
	if ask.Keep != nil {
		keep = ask.Keep(s)
	}
	return s.Take(fleet.Want{
		Key: ask.Key, Runner: ask.on(s), Said: ask.Runner, Keep: keep, Counted: ask.Counted, Stream: ask.Stream, Tools: ask.Tools, Unloads: ask.Unloads,
		Evicts: at.Fits != fleet.FitYes && !at.Loaded && !at.Loading, Surely: at.Fits == fleet.FitNo,
		Free: func() { d.freed(s) },
	}, now)
}

// spare says that a server has not been tried yet.
func (c *Call) spare() bool {
	return slices.ContainsFunc(c.ask.Members(), func(m Member) bool {
		return !m.Server.Left() && !slices.Contains(c.tried, m.Server)
	})
}

// order puts the servers that may be asked now in the order they should be: of all
// that have not been tried, those with most hope.
func (d *Desk) order(c *Call, hope fleet.Hope, ahead int, now time.Time) []Candidate {
	members := c.ask.Members()
	all := make([]Candidate, 0, len(members))
	for i, m := range members {
		if !m.Server.Left() && !slices.Contains(c.tried, m.Server) {
			all = append(all, d.candidate(m, i, &c.ask, d.boxes, now))
		}
	}
	all = c.alike(all, now)
	all = hopeful(all)
	if len(all) > 0 && !worth(all[0].Health, hope) {
		return nil
	}
	arrange(all, c.ask.Policy, ahead, d.rounds[c.ask.Key])
	return all
}

// arrange sorts by tier, and each tier by the policy.
func arrange(all []Candidate, policy Policy, ahead int, round uint64) {
	slices.SortStableFunc(all, func(a, b Candidate) int { return a.Tier - b.Tier })
	with := 0
	for i := range all {
		if all[i].Loaded || all[i].Loading {
			with++
		}
	}
	for i := range all {
		if all[i].Loaded || all[i].Loading {
			all[i].Ahead = (ahead + with - 1) / with
		}
	}
	for from := 0; from < len(all); {
		to := from
		for to < len(all) && all[to].Tier == all[from].Tier {
			to++
		}
		policy(all[from:to], round)
		guard(all[from:to])
		from = to
	}
	waits := false
	for i := range all { // nor does a load of a higher tier pay at once behind a busy server of a lower one
		c := &all[i]
		if has := c.Suits || c.Loading; has {
			waits = waits || !c.Free()
		} else if waits {
			c.After = max(c.After, c.Cost)
		}
	}
}

// worth says whether there is enough hope for servers of this health.
func worth(h Health, hope fleet.Hope) bool {
	return h < Broken || h == Broken && hope <= fleet.HopeSome || hope == fleet.HopeAll
}

// hopeful keeps those with most hope.
func hopeful(all []Candidate) []Candidate {
	best := Down
	for i := range all {
		best = min(best, all[i].Health)
	}
	return slices.DeleteFunc(all, func(c Candidate) bool { return c.Health != best })
}

// alike keeps, for embeddings, those that have the very model that the first healthy server
// of the route has: vectors of two models cannot be compared. That server may have been tried:
// an answer that failed does not make another model of it, its going down does.
func (c *Call) alike(all []Candidate, now time.Time) []Candidate {
	if !c.ask.Alike {
		return all
	}
	stays := c.stays(now)
	return slices.DeleteFunc(all, func(at Candidate) bool {
		other := digest(at.Server, c.ask.Key)
		return stays != "" && other != "" && other != stays
	})
}

// stays is the digest of the first healthy server, "" where there is none.
func (c *Call) stays(now time.Time) string {
	for _, m := range c.ask.Members() {
		s := m.Server
		if !s.Left() && health(s, s.State(), s.Facts(c.ask.Key), c.ask.Key, now) <= Broken {
			return digest(s, c.ask.Key)
		}
	}
	return ""
}

func digest(s *fleet.Server, key string) string {
	if m := s.State().Has(key); m != nil {
		return m.Digest
	}
	return ""
}
