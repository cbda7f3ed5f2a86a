package fleet

import (
	"context"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"gollamas/internal/ollama"
)

// lookTimeout bounds one look; a server that takes longer for its lists is down.
const lookTimeout = 5 * time.Second

// leastPause is how long the watch rests between two looks however often it is
// asked: what clients do must not multiply into requests.
const leastPause = time.Second

// LookAgain asks for a look soon: a request has just seen something else than the state says.
func (s *Server) LookAgain() {
	select {
	case s.again <- struct{}{}:
	default: // one is asked for already
	}
}

// LookNow has the watch look at once and waits until it has, for most, or
// until ctx ends: a request has just changed the server.
func (s *Server) LookNow(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	looked := make(chan struct{})
	select {
	case s.now <- looked:
	case <-ctx.Done():
		return
	}
	select {
	case <-looked:
	case <-ctx.Done():
	}
}

// LookAll has the servers looked at at once that were up when they were last, or that nobody has seen yet, and waits until that
// is done, for most, or until ctx ends. A look that is younger than recent will do.
func LookAll(ctx context.Context, servers []*Server, recent, most time.Duration) {
	var wg sync.WaitGroup
	for _, s := range servers {
		if state := s.State(); (state.Up || !state.Known) && time.Since(state.Looked) >= recent {
			wg.Go(func() { s.LookNow(ctx, most) })
		}
	}
	wg.Wait()
}

// watch looks at the server until ctx ends, or until its address is gone and nothing runs there any more.
func (s *Server) watch(ctx context.Context) {
	transport := s.transport()
	transport.MaxIdleConns = 1
	defer transport.CloseIdleConnections()
	client := s.client(transport)
	defer s.watched.Store(false)
	var waiting []chan struct{} // closed when this look is over
	for !s.Left() || s.busy() {
		began := time.Now()
		seen, err := s.look(ctx, client)
		if ctx.Err() != nil {
			return
		}
		s.become(func(before *State) *State { return s.after(before, seen, err, began) })
		s.forget(s.State())
		s.weigh(s.State())
		s.missed(s.State())
		if s.opts.Changed != nil {
			s.opts.Changed()
		}
		s.looked.Do(func() { close(s.first) })
		for _, w := range waiting {
			close(w)
		}
		if waiting = s.rest(ctx); ctx.Err() != nil {
			return
		}
	}
}

// Change notes that what the server has installed is being changed, until end is called: it is watched meanwhile, be its
// address gone.
func (s *Server) Change() (end func()) {
	s.changing.Add(1)
	return func() { s.changing.Add(-1) }
}

// busy says whether anything of ours runs there.
func (s *Server) busy() bool { return s.InFlight() > 0 || s.changing.Load() > 0 || s.loads() }

// The watch backs off from a server that stays down: after so many looks that
// failed, each pause is twice as long, until it is so many times the first.
const (
	patientLooks = 12
	longestRest  = 6
)

// pause is how long to wait until the next look.
func (s *Server) pause() time.Duration {
	every := s.pace.Load().Watch
	if late := s.State().Failed - patientLooks; late > 0 {
		every *= time.Duration(min(1<<min(late, 8), longestRest))
	}
	return jitter(every)
}

// rest waits until the next look is due and returns who waits for it.
func (s *Server) rest(ctx context.Context) (waiting []chan struct{}) {
	due := time.NewTimer(s.pause())
	defer due.Stop()
	pause := time.NewTimer(min(leastPause, s.pace.Load().Watch))
	defer pause.Stop()
	var again <-chan struct{} // not heard before the pause is over
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-s.now:
			return s.all(first)
		case <-pause.C:
			again = s.again
		case <-again:
			return nil
		case <-due.C:
			return nil
		}
	}
}

// all is everybody who waits for a look by now: one serves them all.
func (s *Server) all(waiting ...chan struct{}) []chan struct{} {
	for {
		select {
		case w := <-s.now:
			waiting = append(waiting, w)
		default:
			return waiting
		}
	}
}

// look asks for the version and both lists.
func (s *Server) look(ctx context.Context, c *ollama.Client) (*State, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	version, err := c.Version(ctx)
	var tags, ps []ollama.Listed
	if err == nil {
		tags, err = c.Tags(ctx)
	}
	if err == nil {
		ps, err = c.PS(ctx)
	}
	if err != nil {
		return nil, err
	}
	next := &State{Known: true, Up: true, Version: version}
	next.list(keyed(tags), keyed(ps))
	return next, nil
}

// after is the state after a look that began then. Where one fails, the lists stay as they were known.
func (s *Server) after(before, seen *State, err error, began time.Time) *State {
	if err != nil && Ours(err) { // this machine has no more sockets, say: that tells nothing of the server
		return before
	}
	if err != nil {
		next := *before
		next.Up, next.Err, next.Failed = false, Reason(err), before.Failed+1
		return &next
	}
	seen.Looked = began
	seen.Room = before.Room.seen(before.Loaded, seen.Loaded, began)
	if !began.After(s.refused) { // it has taken no connection since: the next look knows better
		seen.Up, seen.Err = before.Up, before.Err
	}
	return seen
}

// jitter spreads looks by a tenth, so that many servers are not asked in step.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) // #nosec G404 -- only spreads looks
}

// Client asks the server what no request of a client's asks. It keeps no connection.
func (s *Server) Client() *ollama.Client {
	t := s.transport()
	t.DisableKeepAlives = true
	return s.client(t)
}

func (s *Server) client(t *http.Transport) *ollama.Client {
	header := http.Header{}
	maps.Copy(header, s.opts.Header)
	if s.opts.Via != "" {
		header.Set(ViaHeader, s.opts.Via)
	}
	return &ollama.Client{HTTP: &http.Client{Transport: t, CheckRedirect: asIs}, Base: s.opts.URL.Scheme + "://" + s.Host() + s.prefix, Header: header}
}

func (s *Server) transport() *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	return &http.Transport{DialContext: dial, DialTLSContext: dial, DisableCompression: true}
}

// asIs follows no redirect: it could lead to a server nobody has named.
func asIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
