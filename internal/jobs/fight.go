package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"gollamas/internal/fleet"
)

// Two tags fight where each has put the other out of memory so often, within so long.
const (
	fightTimes  = 2
	fightWithin = 10 * time.Minute
)

// Fights are the models of a server that put each other out of memory though they are one: runners
// are keyed by the weights, so two tags of one blob with other options take turns.
type fights struct {
	left   map[string]time.Time   // models that went before their time, by their keys
	swaps  []swap                 // the newest last
	blobs  map[string]string      // the weights by a model's digest, "" = the server does not tell
	asking bool                   // for weights
	told   map[[2]string]struct{} // pairs that are in the note
}

// A swap is a model's going and another's coming.
type swap struct {
	gone, came string // keys
	at         time.Time
}

// lookAtFights compares what was in memory with what is.
func (h *house) lookAtFights(ctx context.Context, state *fleet.State, now time.Time) {
	f := &h.fights
	if f.left == nil {
		f.left, f.blobs, f.told = map[string]time.Time{}, map[string]string{}, map[[2]string]struct{}{}
	}
	h.noteLeaving(state, now)
	for _, m := range state.Loaded {
		delete(f.left, m.Key)
		if !loaded(h.last, m.Key) {
			for gone := range f.left {
				f.swaps = append(f.swaps, swap{gone, m.Key, now})
			}
		}
	}
	f.swaps = slices.DeleteFunc(f.swaps, func(s swap) bool { return now.Sub(s.at) > fightWithin })
	maps.DeleteFunc(f.left, func(_ string, at time.Time) bool { return now.Sub(at) > fightWithin })
	h.tellFights(ctx, state)
}

// noteLeaving notes what has gone though nobody wanted it to, and its time was not over.
func (h *house) noteLeaving(state *fleet.State, now time.Time) {
	for _, m := range h.last.Loaded {
		unloaded := h.server.Facts(m.Key).Unloaded.After(h.last.Looked)
		if !loaded(state, m.Key) && !unloaded && m.ExpiresAt.After(state.Looked.Add(clocks)) {
			h.fights.left[m.Key] = now
		}
	}
}

// loaded says whether a list shows a model under just this name.
func loaded(s *fleet.State, key string) bool {
	return slices.ContainsFunc(s.Loaded, func(m fleet.Model) bool { return m.Key == key })
}

// pairs are those that have put each other out often enough, in the order of their names.
func (f *fights) pairs() (out [][2]string) {
	times := map[[2]string]int{}
	for _, s := range f.swaps {
		times[[2]string{s.gone, s.came}]++
	}
	for p, n := range times {
		if p[0] < p[1] && n >= fightTimes && times[[2]string{p[1], p[0]}] >= fightTimes {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) })
	return out
}

// tellFights tells the operator of those that are one model's weights.
func (h *house) tellFights(ctx context.Context, state *fleet.State) {
	f, now, texts := &h.fights, map[[2]string]struct{}{}, []string(nil)
	for _, p := range f.pairs() {
		if !h.sameWeights(ctx, state, p) {
			continue
		}
		a, b := nameOf(state, p[0]), nameOf(state, p[1])
		now[p] = struct{}{}
		texts = append(texts, fmt.Sprintf("%s and %s are one model's weights, loaded with different options in turn: "+
			"each puts the other out of memory. Give both the same num_ctx with a rule, or use only one of them", a, b))
		if _, told := f.told[p]; !told {
			h.opts.Log.Warn("two names of one model's weights put each other out of memory: they are loaded with different options in turn; "+
				"give both the same num_ctx with a rule, or use only one of them", "server", h.server.ID(), "models", a+", "+b)
		}
	}
	if len(texts) > 0 || len(f.told) > 0 {
		h.server.Note("fight", strings.Join(texts, "; "))
	}
	f.told = now
}

// sameWeights says whether two models are known to have the same weights. Where that is not known it
// has the server asked, once for each digest.
func (h *house) sameWeights(ctx context.Context, state *fleet.State, p [2]string) bool {
	f := &h.fights
	a, b := state.Has(p[0]), state.Has(p[1])
	if a == nil || b == nil {
		return false
	}
	if a.Digest == b.Digest {
		return a.Digest != ""
	}
	for _, m := range []*fleet.Model{a, b} {
		if _, known := f.blobs[m.Digest]; !known {
			h.askWeights(ctx, m)
			return false
		}
	}
	return f.blobs[a.Digest] != "" && f.blobs[a.Digest] == f.blobs[b.Digest]
}

// askWeights has the server asked for a model's weights, of one model at a time.
func (h *house) askWeights(ctx context.Context, m *fleet.Model) {
	if h.fights.asking {
		return
	}
	h.fights.asking = true
	name, digest := m.Listed.Name, m.Digest
	h.do(ctx, func() func() {
		blob, err := h.weights(ctx, name)
		return func() {
			h.fights.asking = false
			if err == nil {
				h.fights.blobs[digest] = blob
				h.tellFights(ctx, h.server.State())
			}
		}
	})
}

// from is the line of a model's file that names its weights. Where they stand is the server's business.
var from = regexp.MustCompile(`(?m)^FROM .*sha256[-:]([0-9a-f]{64})`)

// weights asks which blob a model is made of; "" = the server does not tell.
func (h *house) weights(ctx context.Context, name string) (blob string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"model": name}) // a string always encodes
	status, answer, err := h.server.Client().Do(ctx, http.MethodPost, "/api/show", body)
	if err != nil || status != http.StatusOK {
		return "", err
	}
	var shown struct{ Modelfile string }
	_ = json.Unmarshal(answer, &shown) // what is no answer of Ollama's tells nothing
	if found := from.FindStringSubmatch(shown.Modelfile); found != nil {
		blob = found[1]
	}
	return blob, nil
}
