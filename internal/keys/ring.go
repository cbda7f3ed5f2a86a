package keys

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"gollamas/internal/ollama"
)

// A Ring is all the keys there are. A nil one has none: then everybody may ask, for everything.
type Ring struct{ holders []*Holder }

// A Holder is who asks by a key. A nil one is somebody where there are no keys.
type Holder struct {
	key      Key
	exact    map[string]bool // the keys of models' names
	patterns []ollama.Pattern
	taken    *taken
	counts   Counts
}

// NewRing returns the keys, nil where there are none. What those of before have taken stays taken: a
// key is the same one as long as its name is. counts is what replicas count together, nil = each for itself.
func NewRing(all []Key, before *Ring, counts Counts) (*Ring, error) {
	if len(all) == 0 {
		return nil, nil
	}
	r := &Ring{}
	for _, k := range all {
		h := &Holder{key: k, exact: map[string]bool{}, counts: counts, taken: &taken{}}
		for _, m := range k.Models {
			if err := h.may(m); err != nil {
				return nil, err
			}
		}
		if was := before.named(k.Name); was != nil {
			h.taken = was.taken
		}
		r.holders = append(r.holders, h)
	}
	for _, h := range r.holders { // last: those of before are in use
		h.taken.limit(h.key)
	}
	return r, nil
}

func (r *Ring) named(name string) *Holder {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.holders, func(h *Holder) bool { return h.key.Name == name })
	if i < 0 {
		return nil
	}
	return r.holders[i]
}

// Find is who has one of these secrets, nil where nobody does. It takes as long whichever it is, and whoever asks.
func (r *Ring) Find(secrets ...string) (found *Holder) {
	for _, secret := range secrets {
		sum := sha256.Sum256([]byte(secret))
		for _, h := range r.holders {
			if subtle.ConstantTimeCompare(sum[:], h.key.Hash[:]) == 1 && secret != "" {
				found = h
			}
		}
	}
	return found
}

// may lets the holder use a model, or all that a pattern stands for.
func (h *Holder) may(model string) error {
	if ollama.IsPattern(model) {
		p, err := ollama.ParsePattern(model)
		if err == nil && p.String() == "*" && model != "*" {
			return fmt.Errorf("%q: %w", model, ErrEvery)
		}
		h.patterns = append(h.patterns, p)
		return err
	}
	n, err := ollama.ParseName(model)
	h.exact[listed(n).Key()] = true
	return err
}

// Name stands for the holder in the log and in metrics, "" where there are no keys.
func (h *Holder) Name() string {
	if h == nil {
		return ""
	}
	return h.key.Name
}

// Bounded says that there are models which the holder may not see.
func (h *Holder) Bounded() bool { return h != nil && len(h.key.Models) > 0 }

// Sees says whether the holder may use a model by this name. What it may not use is to look as if it did not exist.
func (h *Holder) Sees(n ollama.Name) bool {
	if !h.Bounded() {
		return true
	}
	n = listed(n)
	if h.exact[n.Key()] {
		return true
	}
	var buf [128]byte
	name := n.Fold(buf[:0])
	return slices.ContainsFunc(h.patterns, func(p ollama.Pattern) bool {
		text := p.String()
		return (text == "*" || strings.Count(text, "/") == bytes.Count(name, []byte("/"))) && p.Matches(name)
	})
}

// listed is a name as servers list it: a model of ollama.com's is not the one at home of the same name.
func listed(n ollama.Name) ollama.Name {
	switch {
	case !n.Cloud:
	case n.Tag == "latest":
		n.Tag = "cloud"
	default:
		n.Tag += "-cloud"
	}
	return n
}

// Manages says whether the holder may change servers; otherwise is what holds where its key does not say.
func (h *Holder) Manages(otherwise bool) bool {
	if h == nil {
		return otherwise
	}
	return h.key.Manage.Or(otherwise)
}

// Leaves says whether the holder's requests may leave for ollama.com; otherwise is what holds where its key does not say.
func (h *Holder) Leaves(otherwise bool) bool {
	if h == nil {
		return otherwise
	}
	return h.key.Cloud.Or(otherwise)
}
