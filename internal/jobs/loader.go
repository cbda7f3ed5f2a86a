// Package jobs is what gollamas has servers do by itself: load a model, keep it loaded, make the
// variants of it that /v1 needs.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// LoaderOptions are what a Loader is made of.
type LoaderOptions struct {
	Log   *slog.Logger  // nil = nobody is told
	Stall time.Duration // how long a load may say nothing; 0 = for ever

	Loaded func(LoadDone) // told of each load that is over, whoever wanted it; nil = nobody is
}

// A LoadDone is a load that is over.
type LoadDone struct {
	Server *fleet.Server
	Key    string        // of the model's name
	Load   fleet.Load    // what it cost the server: LoadNone where the model was found loaded just so
	Fault  string        // of LoadAgain: the option for which
	Took   time.Duration // from when the server was asked
	Err    error         // why it came to nothing, nil = it is loaded
}

// Began says whether the server has begun to load at all: what was refused, or never arrived, has cost it nothing.
func (d LoadDone) Began() bool {
	var load *fleet.LoadError
	switch {
	case d.Load == fleet.LoadNone, errors.Is(d.Err, errRefused):
		return false
	case errors.As(d.Err, &load):
		return !load.Unsent && load.Status != http.StatusServiceUnavailable
	}
	return true
}

// A Loader has servers load models: each once, for however many wait, and to the end, whoever leaves.
type Loader struct {
	opts  LoaderOptions
	stall atomic.Int64 // nanoseconds, as LoaderOptions.Stall
	crew

	flights   map[*fleet.Server][]*flight // that are under way, about to be, or handed over, in the order they began
	embeds    map[place]string            // digests of models that were seen to talk to nobody
	reminding map[place]bool
}

// A place is a model on a server.
type place struct {
	server *fleet.Server
	key    string
}

// A Load is what is to be loaded, where and how.
type Load struct {
	Server *fleet.Server
	Key    string // of the model's name
	Name   string // the name, as the server knows it
	Runner ollama.Runner
	Keep   rewrite.Rule[rewrite.KeepAlive] // how long it is to stay
	Embeds bool                            // it is wanted for its vectors
	Talks  bool                            // it is wanted to talk: one that does not is not loaded for that
	Own    bool                            // its options are its client's own, and may be too much for the server
	Else   func() bool                     // another server could do it now; nil = none could
	Spare  bool                            // another server may be asked: a server that is gone without a word is not waited for
	Via    []string                        // each gollamas that the request for it has been through, in fleet.ViaHeader
}

// NewLoader returns a Loader whose loads end when Run does.
func NewLoader(o LoaderOptions) *Loader {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Loader{opts: o, flights: map[*fleet.Server][]*flight{}, embeds: map[place]string{}, reminding: map[place]bool{}}
	l.SetStall(o.Stall)
	l.hire()
	return l
}

// SetStall bounds how long a load may say nothing, 0 = for ever.
func (l *Loader) SetStall(most time.Duration) { l.stall.Store(int64(most)) }

// Load has a model loaded, or joins a load of it that is under way, and waits for its end: for at most
// so long, 0 = as long as it takes. turn is the request's that waits, nil where there is none.
//
// The error is a *fleet.LoadError, a *fleet.Busy where it takes too long, or the context's. Where the
// server finds fault with the request it is nil: the client's own request will be told.
func (l *Loader) Load(ctx context.Context, turn *fleet.Turn, what Load, most time.Duration) error {
	f := l.join(turn, what)
	if f == nil {
		return nil
	}
	if turn != nil {
		turn.WhenServed(func() { l.served(f) })
	}
	var late <-chan time.Time
	if most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		late = timer.C
	}
	elsewhere := time.NewTimer(f.patience(most))
	defer elsewhere.Stop()
	for {
		select {
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return f.busy()
		case <-elsewhere.C:
			if what.Else != nil && what.Else() {
				since := time.Since(f.began).Round(time.Second)
				return &fleet.LoadError{Text: fmt.Sprintf("its model is not loaded after %s, and another server is tried", since), Stalled: true}
			}
			elsewhere.Reset(glance)
		}
	}
}

// Of a load whose usual time is known, so many times that are waited for where there is another server, and some more.
const (
	usualTimes = 4
	usualFloor = 30 * time.Second
)

// patience is how long a load is waited for where another server may be asked: the load goes on meanwhile.
func (f *flight) patience(most time.Duration) time.Duration {
	if usual := f.what.Server.Facts(f.what.Key).Load.Typical; usual > 0 {
		return usualTimes*usual + usualFloor
	}
	if most == 0 {
		return fleet.Forever
	}
	return most / 2
}

// join finds the load that is to be waited for, or begins it. It is nil where the model has come meanwhile.
func (l *Loader) join(turn *fleet.Turn, what Load) *flight {
	s := what.Server
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.flights[s]
	facts := s.Facts(what.Key)
	i := slices.IndexFunc(all, func(f *flight) bool {
		return f.what.Key == what.Key && !f.landed && facts.Alike(f.what.Runner, what.Runner)
	})
	if i < 0 && turn != nil && turn.Load == fleet.LoadJoins && facts.Loading.IsZero() {
		return nil
	}
	if i >= 0 {
		if turn != nil {
			all[i].waiting++
		}
		return all[i]
	}
	f := &flight{what: what, began: time.Now(), done: make(chan struct{}), settled: make(chan struct{})}
	if l.closed {
		f.err = context.Canceled
		close(f.done)
		return f
	}
	if turn != nil {
		f.born = true
		f.waiting++
	}
	before := inFront(all, what)
	l.flights[s] = append(all, f)
	f.loading = s.Load(what.Key, what.Runner, f.began)
	l.running.Go(func() { l.fly(f, before) })
	return f
}

// inFront is the flight whose passengers must have got what they came for before another load is sent: it would
// take the model from them, be it the same with other options or one that has to make room. nil = there is none.
func inFront(all []*flight, what Load) *flight {
	push := what.Server.Pushing()
	evicts := push != nil && push.Surely && push.Key == what.Key
	for i := len(all) - 1; i >= 0; i-- {
		if evicts || all[i].what.Key == what.Key {
			return all[i]
		}
	}
	return nil
}

// served notes that a request which has waited is answered, or has gone.
func (l *Loader) served(f *flight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.waiting--
	l.settle(f)
}

// land ends a flight, and lets go all who wait for it.
func (l *Loader) land(f *flight, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down(f, err)
}

func (l *Loader) down(f *flight, err error) {
	f.err, f.landed = err, true
	close(f.done)
	l.settle(f)
}

// settle takes a flight off the list once it has landed and nobody who has waited for it is unanswered. The lock is held.
func (l *Loader) settle(f *flight) {
	if !f.landed || f.waiting != 0 || f.over {
		return
	}
	f.over = true
	close(f.settled)
	s := f.what.Server
	l.flights[s] = slices.DeleteFunc(l.flights[s], func(o *flight) bool { return o == f })
	if len(l.flights[s]) == 0 {
		delete(l.flights, s)
	}
}

// A Loading is a load that is under way, for people.
type Loading struct {
	Server  *fleet.Server
	Key     string
	Name    string
	Since   time.Time
	Waiting int // requests
}

// Loading lists the loads that are under way, the oldest first.
func (l *Loader) Loading() []Loading {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Loading
	for s, all := range l.flights {
		for _, f := range all {
			if !f.landed {
				out = append(out, Loading{s, f.what.Key, f.what.Name, f.began, f.waiting})
			}
		}
	}
	slices.SortFunc(out, func(a, b Loading) int { return a.Since.Compare(b.Since) })
	return out
}

// A flight is one load on its way.
type flight struct {
	what    Load
	loading *fleet.Loading
	began   time.Time
	done    chan struct{} // closed when it is over; then err stands
	err     error

	born    bool          // of a request, not of gollamas' own accord
	waiting int           // requests that wait for it, or have and are not answered yet
	landed  bool          // done is closed
	over    bool          // so is settled
	settled chan struct{} // closed when it is done and none of those is left
}

// The guess of when a load will be over is kept between these.
const (
	soonest = time.Second
	latest  = time.Minute
)

// busy says how far the load is.
func (f *flight) busy() *fleet.Busy {
	since := time.Since(f.began)
	usual := f.what.Server.Facts(f.what.Key).Load.Typical
	so := "it was never seen to be loaded there before"
	if usual > 0 {
		so = "it usually takes about " + max(usual.Round(time.Second), usual.Round(10*time.Millisecond)).String()
	}
	left := min(max((usual-since).Round(time.Second), soonest), latest)
	return &fleet.Busy{
		Why: fmt.Sprintf("the model is being loaded on %s, for %s so far; %s. the load goes on, so ask again (load_wait)",
			f.what.Server.ID(), since.Round(time.Second), so),
		RetryAfter: left,
	}
}
