package jobs

import (
	"context"
	"log/slog"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// VariantsOptions are what Variants are made of.
type VariantsOptions struct {
	Log *slog.Logger // nil = nobody is told
}

// Variants are models that gollamas makes on servers, so that requests which cannot say num_ctx get it.
type Variants struct {
	opts VariantsOptions
	crew

	known   map[slot]variant
	refused map[place]string  // a base's digest on a server → the version that would have no variant of it
	making  map[place]*making // by the variant's key
}

// A slot is a context size of a model on a server.
type slot struct {
	place
	numCtx int
}

// A variant is what is known of one, whether it is there or not.
type variant struct {
	digest string // of the base
	name   string // "" = it can have none
	key    string // of the name
	topic  string // of notes about it

	made   time.Time // when it was last made, zero = it was not, or is lost
	lost   time.Time // when it was last found not to be there
	last   time.Time // when it was last seen to,
	before time.Time // and when the time before that
	failed time.Time // when it could not be made, zero = it could
}

// again is how long nothing is tried that has just failed; and in as long a time a variant is made
// at most twice, whoever takes it away.
const again = time.Minute

// NewVariants returns Variants that end when Run does.
func NewVariants(o VariantsOptions) *Variants {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	v := &Variants{opts: o, known: map[slot]variant{}, refused: map[place]string{}, making: map[place]*making{}}
	v.hire()
	return v
}

// Ready makes sure of a model's variant on a server, and waits for it. It is false where the server
// will have none, or cannot for now: then requests go as they are.
func (v *Variants) Ready(ctx context.Context, s *fleet.Server, key string, numCtx int) bool {
	for range 2 { // the base may change meanwhile
		if v.Name(s, key, numCtx) != "" {
			return true
		}
		m := v.join(s, key, numCtx)
		if m == nil {
			return v.Name(s, key, numCtx) != "" // it may just have come
		}
		if !m.failed.IsZero() {
			return false // it has failed before, and requests do not wait for it again
		}
		select {
		case <-m.done:
		case <-ctx.Done():
			return false
		}
		if !m.changed {
			return m.ok
		}
	}
	return false
}

// Name is the name of a model's variant on a server, "" where there is none. It takes no time to speak of.
func (v *Variants) Name(s *fleet.Server, key string, numCtx int) string {
	state := s.State()
	if k := v.find(s, state, key, numCtx); k.there(state) {
		return k.name
	}
	return ""
}

// Refused says that requests for the model on a server go as they are: it has no variant of it, and is
// not to be asked for one now.
func (v *Variants) Refused(s *fleet.Server, key string, numCtx int) bool {
	state := s.State()
	k := v.find(s, state, key, numCtx)
	if k.there(state) {
		return false
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return !v.may(s, state, k)
}

// Lost notes that a server has not got a variant which it was thought to have: Ready makes it again.
func (v *Variants) Lost(s *fleet.Server, key string, numCtx int) {
	v.change(slot{place{s, key}, numCtx}, func(k *variant) { k.made, k.lost = time.Time{}, time.Now() })
	s.LookAgain()
}

// find is what is known of a model's variant. Of a model that the server does not list it is nothing.
func (v *Variants) find(s *fleet.Server, state *fleet.State, key string, numCtx int) variant {
	base := state.Has(key)
	if base == nil || base.RemoteHost != "" {
		return variant{}
	}
	at := slot{place{s, key}, numCtx}
	v.mu.RLock()
	k := v.known[at]
	v.mu.RUnlock()
	if k.digest == base.Digest {
		return k
	}
	return v.enter(at, base)
}

// enter begins to know of the variant of a base that is new.
func (v *Variants) enter(at slot, base *fleet.Model) variant {
	k := variant{digest: base.Digest, name: fleet.VariantName(base.Name, base.Digest, at.numCtx), topic: "variant of " + base.Name.Short()}
	if n, err := ollama.ParseName(k.name); err == nil {
		k.key = n.Key()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if had := v.known[at]; had.digest == k.digest {
		return had
	}
	v.known[at] = k
	return k
}

func (v *Variants) change(at slot, do func(k *variant)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if k, ok := v.known[at]; ok {
		do(&k)
		v.known[at] = k
	}
}

// there says whether the variant is on the server: a look has seen it, or it was made since.
func (k variant) there(state *fleet.State) bool {
	switch {
	case k.name == "":
		return false
	case !k.made.IsZero() && !state.Looked.After(k.made):
		return true
	}
	return state.Looked.After(k.lost) && state.HasVariant(k.key)
}

// may says whether the server may be asked for the variant now. The lock is held.
func (v *Variants) may(s *fleet.Server, state *fleet.State, k variant) bool {
	if k.name == "" || !state.Up || v.closed {
		return false
	}
	version, refused := v.refused[place{s, k.digest}]
	return !(refused && version == state.Version) && time.Since(k.failed) >= again && time.Since(k.before) >= again
}
