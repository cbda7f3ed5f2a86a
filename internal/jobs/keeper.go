package jobs

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// A Bell is rung when something may have changed. It is heard once, however often it was rung.
type Bell chan struct{}

// NewBell returns a bell that has not been rung.
func NewBell() Bell { return make(Bell, 1) }

// Ring lets whoever listens know, and waits for nobody.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// A Resident is a model that is to be in the memory of a connection's servers.
type Resident struct {
	Connection *fleet.Connection
	Name       ollama.Name
	Perhaps    bool         // not every server need have it: only a pattern leads there
	Wish       rewrite.Wish // what the rules want of it there
}

// KeeperOptions are what a Keeper is made of.
type KeeperOptions struct {
	Log         *slog.Logger // nil = nobody is told
	Loader      *Loader
	Bell        Bell          // rung when a look at a server is over
	Ping        time.Duration // how often what is resident is kept loaded, at least; 0 = never
	Connections []*fleet.Connection
	Residents   []Resident
}

// same says whether what is to be kept, and how, is the same by both.
func (o *KeeperOptions) same(p *KeeperOptions) bool {
	return o.Ping == p.Ping && slices.Equal(o.Connections, p.Connections) && slices.Equal(o.Residents, p.Residents)
}

// A Keeper sees to it that models which are to be in memory come there and stay, as far as there is
// room, and notices those that take it from each other.
type Keeper struct {
	said atomic.Pointer[KeeperOptions] // what was said last
	opts atomic.Pointer[KeeperOptions] // that without what is vain
}

// NewKeeper returns a Keeper that does nothing yet.
func NewKeeper(o KeeperOptions) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{}
	k.set(o)
	return k
}

// Change has other models kept from now on, or elsewhere. Servers for which nothing changes are left in peace, with
// all that was learned of what fits there.
func (k *Keeper) Change(ping time.Duration, connections []*fleet.Connection, residents []Resident) {
	o := *k.said.Load()
	o.Ping, o.Connections, o.Residents = ping, connections, residents
	if !o.same(k.said.Load()) {
		k.set(o)
		o.Bell.Ring()
	}
}

func (k *Keeper) set(o KeeperOptions) {
	k.said.Store(&o)
	kept := o
	kept.Residents = slices.DeleteFunc(slices.Clone(o.Residents), kept.vain)
	k.opts.Store(&kept)
}

// vain says whether a model would leave memory as soon as it has come.
func (o *KeeperOptions) vain(r Resident) bool {
	keep := r.Wish.KeepAlive
	if !keep.Said() || keep.Value > 0 {
		return false
	}
	o.Log.Warn("not preloaded: a rule has its keep_alive be 0, so it would leave memory at once", "model", r.Name.Short(), "connection", r.Connection.ID())
	return true
}

// Run keeps until ctx ends, and returns when all it has begun has ended.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	houses := map[*fleet.Server]*house{}
	for {
		opts := k.opts.Load()
		here := opts.servers()
		for s, residents := range here {
			before := houses[s]
			if before == nil || !before.keeps(opts.Ping, residents) {
				if before != nil {
					close(before.gone)
				}
				h := newHouse(*opts, s, residents)
				h.before = before
				houses[s] = h
				wg.Go(func() { h.run(ctx) })
			}
		}
		for s, h := range houses {
			if _, still := here[s]; !still {
				close(h.gone)
				delete(houses, s)
			} else {
				h.bell.Ring()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-opts.Bell:
		}
	}
}

// servers are those there are now, and what is to be in memory on each, in the order of names.
func (o *KeeperOptions) servers() map[*fleet.Server][]Resident {
	out := map[*fleet.Server][]Resident{}
	for _, c := range o.Connections {
		for _, s := range c.Servers() {
			out[s] = nil
			for _, r := range o.Residents {
				same := func(p Resident) bool { return p.Name.Key() == r.Name.Key() }
				if r.Connection == c && !slices.ContainsFunc(out[s], same) {
					out[s] = append(out[s], r)
				}
			}
			slices.SortFunc(out[s], func(a, b Resident) int { return cmp.Compare(a.Name.Key(), b.Name.Key()) })
		}
	}
	return out
}
