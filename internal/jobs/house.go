package jobs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"gollamas/internal/fleet"
)

// A house is one server and the models that are to live there. All of it belongs to one goroutine;
// what takes time is done aside, and what comes of it is told to that one.
type house struct {
	opts      KeeperOptions
	server    *fleet.Server
	meant     []Resident // as they were said; they never change
	residents []*resident
	bell      Bell
	gone      chan struct{} // closed when the server's address is gone, or others are to live there
	news      chan func()   // what has come of what was done aside
	aside     sync.WaitGroup
	before    *house        // whose server it was; nil = nobody's
	over      chan struct{} // closed when it has ended

	last    *fleet.State // that was dealt with; nil = none
	peek    *fleet.State // what the last look before a ping has shown; one can take longer than it stays fresh
	up      bool
	loading *resident // that is being preloaded; nil = none
	noted   string
	fights  fights
}

func newHouse(o KeeperOptions, s *fleet.Server, residents []Resident) *house {
	h := &house{opts: o, server: s, meant: residents, bell: NewBell(), gone: make(chan struct{}), over: make(chan struct{}), news: make(chan func()), last: &fleet.State{}}
	for _, r := range residents {
		h.residents = append(h.residents, &resident{Resident: r, key: r.Name.Key(), label: r.Name.Short()})
	}
	return h
}

// moveIn waits until whoever was there before has gone, and takes over what that one knew.
func (h *house) moveIn() {
	b := h.before
	if b == nil {
		return
	}
	<-b.over
	h.before, h.last, h.peek, h.up, h.noted, h.fights = nil, b.last, b.peek, b.up, b.noted, b.fights
	for _, r := range h.residents {
		i := slices.IndexFunc(b.residents, func(o *resident) bool { return o.key == r.key })
		if i < 0 {
			r.anew(h)
			continue
		}
		now := r.Resident
		*r = *b.residents[i]
		r.Resident, r.pinging = now, false
	}
}

// keeps says whether the house has just these residents, and renews them as often.
func (h *house) keeps(ping time.Duration, residents []Resident) bool {
	return h.opts.Ping == ping && slices.Equal(h.meant, residents)
}

// run keeps the house until ctx ends or the server's address is gone.
func (h *house) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer close(h.over)
	defer h.aside.Wait()
	defer cancel()
	h.moveIn()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !h.left() {
		timer.Stop()
		if due := h.step(ctx, time.Now()); !due.IsZero() {
			timer.Reset(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return
		case <-h.gone:
			return
		case then := <-h.news:
			then()
		case <-h.bell:
		case <-timer.C:
		}
	}
}

// left says that others live there by now, or nobody.
func (h *house) left() bool {
	select {
	case <-h.gone:
		return true
	default:
		return false
	}
}

// do has something done aside. What it returns is done by the house's own goroutine.
func (h *house) do(ctx context.Context, job func() (then func())) {
	h.aside.Go(func() {
		then := job()
		select {
		case h.news <- then:
		case <-ctx.Done():
		}
	})
}

// step does what is to be done now and tells when something will be; zero = not before something changes.
func (h *house) step(ctx context.Context, now time.Time) (due time.Time) {
	state := h.server.State()
	for _, r := range h.residents {
		r.noteUse(h, now)
	}
	if state != h.last {
		h.look(ctx, state, now)
		h.last = state
	}
	if state.Up && !h.server.Left() {
		h.preload(ctx, state, now)
		due = h.ping(ctx, state, now)
	}
	h.note()
	return due
}

// look deals with what a look has shown.
func (h *house) look(ctx context.Context, state *fleet.State, now time.Time) {
	returned := state.Up && !h.up
	if h.up = state.Up; !state.Up {
		return
	}
	for _, r := range h.residents {
		if returned {
			r.anew(h)
		}
		r.look(h, state, now)
	}
	h.lookAtFights(ctx, state, now)
}

// underWay says whether gollamas has anything loaded there at this moment.
func (h *house) underWay() (yes bool) {
	h.server.EachFacts(func(_ string, f *fleet.Facts) { yes = yes || !f.Loading.IsZero() || f.Held > 0 })
	return yes
}

// note tells the operator which models are not in memory that should be, and why.
func (h *house) note() {
	var all []string
	for _, r := range h.residents {
		if r.why != "" {
			all = append(all, r.label+" "+r.why)
		}
	}
	slices.Sort(all)
	if text := strings.Join(all, "; "); text != h.noted {
		h.server.Note("preload", text)
		h.noted = text
	}
}
