package fleet

import (
	"context"
	"log/slog"
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

// Watch looks at every server until ctx ends, each in its own time so that a
// dead one holds up no other, and returns when all have stopped.
func Watch(ctx context.Context, servers []*Server, log *slog.Logger) {
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() { s.watch(ctx, log) })
	}
	wg.Wait()
}

// FirstLook waits until each server was looked at once, or for most, or until ctx ends.
func FirstLook(ctx context.Context, servers []*Server, most time.Duration) {
	late := time.NewTimer(most)
	defer late.Stop()
	for _, s := range servers {
		select {
		case <-s.first:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

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

func (s *Server) watch(ctx context.Context, log *slog.Logger) {
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) },
		DialTLSContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) },
		DisableCompression: true,
		MaxIdleConns:       1,
	}
	defer transport.CloseIdleConnections()
	header := http.Header{}
	maps.Copy(header, s.opts.Header)
	if s.opts.Via != "" {
		header.Set(ViaHeader, s.opts.Via)
	}
	client := &ollama.Client{HTTP: &http.Client{Transport: transport, CheckRedirect: asIs}, Base: s.opts.URL.Scheme + "://" + s.Host() + s.prefix, Header: header}
	var waiting chan struct{} // closed when this look is over
	for first := true; ; first = false {
		next := s.look(ctx, client)
		if ctx.Err() != nil {
			return
		}
		tell(log, s.ID(), s.State(), next, first)
		s.state.Store(next)
		if first {
			close(s.first)
		}
		if waiting != nil {
			close(waiting)
		}
		if waiting = s.rest(ctx); ctx.Err() != nil {
			return
		}
	}
}

// rest waits until the next look is due and returns who waits for it, nil = nobody.
func (s *Server) rest(ctx context.Context) (waiting chan struct{}) {
	due := time.NewTimer(jitter(s.opts.Watch))
	defer due.Stop()
	pause := time.NewTimer(min(leastPause, s.opts.Watch))
	defer pause.Stop()
	var again <-chan struct{} // not heard before the pause is over
	for {
		select {
		case <-ctx.Done():
			return nil
		case waiting = <-s.now:
			return waiting
		case <-pause.C:
			again = s.again
		case <-again:
			return nil
		case <-due.C:
			return nil
		}
	}
}

// look asks for the version and both lists. Where one fails, all stay as they were known.
func (s *Server) look(ctx context.Context, c *ollama.Client) *State {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	before := *s.State()
	version, err := c.Version(ctx)
	var tags, ps []ollama.Listed
	if err == nil {
		tags, err = c.Tags(ctx)
	}
	if err == nil {
		ps, err = c.PS(ctx)
	}
	if err != nil {
		before.Up, before.Err = false, Reason(err)
		return &before
	}
	next := &State{Known: true, Up: true, Version: version, Installed: keyed(tags), Loaded: keyed(ps)}
	next.installed = index(next.Installed)
	return next
}

// tell says in the log what has changed: one line, with the reason.
func tell(log *slog.Logger, id string, before, now *State, first bool) {
	switch {
	case now.Up && !before.Up:
		log.Info("server up", "server", id, "version", now.Version, "installed", len(now.Installed), "loaded", len(now.Loaded))
	case !now.Up && (before.Up || first):
		log.Warn("server down", "server", id, "reason", now.Err)
	}
}

// jitter spreads looks by a tenth, so that many servers are not asked in step.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1)
}

// asIs follows no redirect: it could lead to a server nobody has named.
func asIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
