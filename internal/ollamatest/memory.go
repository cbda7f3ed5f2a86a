package ollamatest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// memory holds the loaded models. A request for a loaded model goes past everybody; one that
// needs a load stands in a queue, in order, because Ollama loads one model at a time.
type memory struct {
	capacity  int64
	maxQueue  int
	parallel  int
	keepAlive time.Duration
	clamps    bool // compares num_ctx after clamping it to the trained context
	history   *history

	mu      sync.Mutex
	runners map[string]*runner // by the digest of the weights
	loading bool               // somebody has the turn to load
	queue   []*ticket          // who waits for the turn
	uses    int                // counts up, to know who was used last
	orphans sync.WaitGroup     // turns that outlived their request
}

// A ticket is a request's place in the queue.
type ticket struct {
	turn chan struct{} // closed when it is this one's turn
	left bool          // the client is gone; its place is kept until the turn comes
}

// A wish is what a request wants to be loaded, and how.
type wish struct {
	model *installed
	opts  runnerOptions
	keep  *time.Duration // nil = leave it to the runner
	fails func() string  // non-empty: the load fails with this
}

var errQueueFull = errors.New("server busy, please try again.  maximum pending requests exceeded")

func newMemory(o Options, newer bool, h *history) *memory {
	return &memory{
		capacity: o.Memory, maxQueue: o.MaxQueue, parallel: o.Parallel, keepAlive: o.KeepAlive,
		clamps: newer, history: h, runners: map[string]*runner{},
	}
}

// acquire gives a runner that is as wished, and counts the request on it until release. It fails
// with errQueueFull, with the context's error, or with the last words of a runner that would not start.
func (m *memory) acquire(ctx context.Context, w wish) (*runner, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	m.mu.Lock()
	if r := m.runners[w.model.Weights]; r != nil && m.differs(r, w) == "" {
		m.use(r, w)
		m.mu.Unlock()
		return r, nil
	}
	if !m.loading {
		m.loading = true
		m.mu.Unlock()
		return m.serve(ctx, w)
	}
	if len(m.queue) >= m.maxQueue {
		m.mu.Unlock()
		return nil, errQueueFull
	}
	t := &ticket{turn: make(chan struct{})}
	m.queue = append(m.queue, t)
	m.mu.Unlock()
	select {
	case <-t.turn:
		return m.serve(ctx, w)
	case <-ctx.Done():
		m.abandon(t)
		return nil, ctx.Err()
	}
}

func (m *memory) abandon(t *ticket) {
	m.mu.Lock()
	t.left = true
	had := !slices.Contains(m.queue, t)
	m.mu.Unlock()
	if had {
		m.pass()
	}
}

// pass gives the turn to the next in the queue who is still there.
func (m *memory) pass() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.queue) > 0 {
		next := m.queue[0]
		m.queue = m.queue[1:]
		if !next.left {
			close(next.turn)
			return
		}
	}
	m.loading = false
}

// serve has the turn: it makes room until the model is loaded.
func (m *memory) serve(ctx context.Context, w wish) (*runner, error) {
	reload := ""
	for {
		m.mu.Lock()
		r := m.runners[w.model.Weights]
		switch {
		case r != nil:
			differs := m.differs(r, w)
			if differs == "" {
				m.use(r, w)
				m.mu.Unlock()
				m.pass()
				return r, nil
			}
			reload = differs
		case !m.fits(w.model):
			r = m.leastNeeded()
		}
		if r == nil {
			m.mu.Unlock()
			defer m.pass()
			return m.load(ctx, w, reload)
		}
		m.retire(r)
		m.mu.Unlock()
		select {
		case <-r.gone:
		case <-ctx.Done():
			// The queue stands still until the model is out, even though nobody wants the place any more.
			m.orphans.Go(func() {
				<-r.gone
				m.pass()
			})
			return nil, ctx.Err()
		}
	}
}

func (m *memory) load(ctx context.Context, w wish, reload string) (*runner, error) {
	started := time.Now()
	done := pause(ctx, w.model.Load)
	l := Load{Model: w.model.name.display(), NumCtx: w.opts.context(w.model), At: started, Took: time.Since(started), Reload: reload}
	if l.Aborted = !done; l.Aborted {
		m.history.loaded(l)
		return nil, ctx.Err()
	}
	if text := w.fails(); text != "" {
		l.Failed = true
		m.history.loaded(l)
		return nil, errors.New(text)
	}
	m.history.loaded(l)
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.newRunner(w)
	m.runners[w.model.Weights] = r
	m.use(r, w)
	return r, nil
}

// fits reports whether a model can be loaded beside the others. Alone it always can.
func (m *memory) fits(model *installed) bool {
	if m.capacity == 0 || len(m.runners) == 0 {
		return true
	}
	sum := model.Loaded
	for _, r := range m.runners {
		sum += r.model.Loaded
	}
	return sum <= m.capacity
}

// leastNeeded is the model to push out: an idle one if there is any, the one with the shortest
// keep_alive, the one not used for longest.
func (m *memory) leastNeeded() *runner {
	var least *runner
	for _, r := range m.runners {
		if least == nil || r.before(least) {
			least = r
		}
	}
	return least
}

// clear unloads everything at once.
func (m *memory) clear() {
	m.mu.Lock()
	for _, r := range m.runners {
		m.unload(r)
	}
	m.mu.Unlock()
	m.orphans.Wait()
}
