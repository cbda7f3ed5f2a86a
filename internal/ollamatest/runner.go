package ollamatest

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"
)

const forever = time.Duration(math.MaxInt64)

// A runner is one loaded model. The memory's lock guards it.
type runner struct {
	model   *installed // as it was when it was loaded
	opts    runnerOptions
	context int
	onGPU   int64
	slots   chan struct{} // OLLAMA_NUM_PARALLEL of them
	gone    chan struct{} // closed when it is unloaded

	busy    int // requests on it, those that wait for a slot included
	keep    time.Duration
	expires time.Time // zero until it has been idle once
	leaving bool      // it goes as soon as it is idle, whatever requests say
	dead    bool      // its process has died, which the next request notices
	timer   *time.Timer
	used    int
}

func (m *memory) newRunner(w wish) *runner {
	slots := m.parallel
	if !w.model.can("completion") {
		slots = 1
	}
	keep := m.keepAlive
	if w.keep != nil {
		keep = *w.keep
	}
	return &runner{
		model: w.model, opts: w.opts, context: w.opts.context(w.model), onGPU: m.onGPU(w.model), keep: keep,
		slots: make(chan struct{}, slots), gone: make(chan struct{}),
	}
}

// onGPU is what of a model the GPU has room for.
func (m *memory) onGPU(model *installed) int64 {
	size := model.Loaded - model.Spill
	if m.capacity > 0 {
		size = min(size, m.capacity)
	}
	return max(size, 0)
}

func (m *memory) use(r *runner, w wish) {
	r.busy++
	m.uses++
	r.used = m.uses
	r.disarm()
	if w.keep != nil {
		r.keep = *w.keep
	}
}

func (r *runner) disarm() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// release takes a request off its runner, and starts the clock of an idle one.
func (m *memory) release(r *runner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.busy--
	switch {
	case r.busy > 0 || m.runners[r.model.Weights] != r:
	case r.leaving || r.keep <= 0:
		m.unload(r)
	default:
		r.expires = time.Now().Add(r.keep)
		m.arm(r)
	}
}

// arm sets no timer for one that stays for ever: a bubble of synctest would wait for it.
func (m *memory) arm(r *runner) {
	if r.keep == forever {
		return
	}
	var own *time.Timer
	own = time.AfterFunc(r.keep, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if r.timer == own {
			m.unload(r)
		}
	})
	r.timer = own
}

// retire unloads a runner as soon as its requests are done.
func (m *memory) retire(r *runner) {
	r.disarm()
	r.keep, r.leaving = 0, true
	if r.busy == 0 {
		m.unload(r)
	}
}

func (m *memory) unload(r *runner) {
	if m.runners[r.model.Weights] != r {
		return
	}
	delete(m.runners, r.model.Weights)
	r.disarm()
	close(r.gone)
}

// expire is a client's wish to unload: answered at once, done when idle.
func (m *memory) expire(model *installed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.runners[model.Weights]; r != nil {
		r.expires = time.Now()
		m.retire(r)
	}
}

// died marks a runner whose process is gone. /api/ps goes on showing it, as Ollama does, until a
// request finds out and has it loaded again.
func (m *memory) died(r *runner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r.dead = true
}

// before reports whether r is to be pushed out before o.
func (r *runner) before(o *runner) bool {
	if (r.busy == 0) != (o.busy == 0) {
		return r.busy == 0
	}
	if r.keep != o.keep {
		return r.keep < o.keep
	}
	return r.used < o.used
}

// slot waits for the runner to have time for one more request.
func (r *runner) slot(ctx context.Context) (free func(), ok bool) {
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }, true
	case <-ctx.Done():
		return nil, false
	}
}

// A loadedModel is a line of /api/ps.
type loadedModel struct {
	model   *installed
	context int
	onGPU   int64
	expires time.Time
}

// list is what is loaded, longest to live first.
func (m *memory) list() []loadedModel {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []loadedModel
	for _, r := range m.runners {
		l := loadedModel{model: r.model, context: r.context, onGPU: r.onGPU, expires: r.expires}
		if l.expires.IsZero() {
			l.expires = time.Now().Add(r.keep)
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b loadedModel) int {
		return cmp.Or(cmp.Compare(b.expires.Unix(), a.expires.Unix()), cmp.Compare(a.model.name.display(), b.model.name.display()))
	})
	return list
}
