package jobs

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
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

// A Keeper sees to it that models which are to be in memory come there and stay, as far as there is
// room, and notices those that take it from each other.
type Keeper struct{ opts KeeperOptions }

// NewKeeper returns a Keeper that does nothing yet.
func NewKeeper(o KeeperOptions) *Keeper {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{opts: o}
	k.opts.Residents = slices.DeleteFunc(slices.Clone(o.Residents), k.vain)
	return k
}

// vain says whether a model would leave memory as soon as it has come.
func (k *Keeper) vain(r Resident) bool {
	keep := r.Wish.KeepAlive
	if !keep.Said() || keep.Value > 0 {
		return false
	}
	k.opts.Log.Warn("not preloaded: a rule has its keep_alive be 0, so it would leave memory at once", "model", r.Name.Short(), "connection", r.Connection.ID())
	return true
}

// Run keeps until ctx ends, and returns when all it has begun has ended.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	houses := map[*fleet.Server]*house{}
	for {
		here := k.servers()
		for s, residents := range here {
			if houses[s] == nil {
				h := newHouse(k.opts, s, residents)
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
		case <-k.opts.Bell:
		}
	}
}

// servers are those there are now, and what is to be in memory on each, in the order of names.
func (k *Keeper) servers() map[*fleet.Server][]Resident {
	out := map[*fleet.Server][]Resident{}
	for _, c := range k.opts.Connections {
		for _, s := range c.Servers() {
			out[s] = nil
			for _, r := range k.opts.Residents {
				same := func(o Resident) bool { return o.Name.Key() == r.Name.Key() }
				if r.Connection == c && !slices.ContainsFunc(out[s], same) {
					out[s] = append(out[s], r)
				}
			}
			slices.SortFunc(out[s], func(a, b Resident) int { return cmp.Compare(a.Name.Key(), b.Name.Key()) })
		}
	}
	return out
}
