package jobs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A making is one variant on its way.
type making struct {
	slot
	variant
	model   string        // as people know it
	done    chan struct{} // closed when it is over; then the rest stands
	ok      bool
	changed bool // the base is another by now
}

// Bounds of a making: of the whole, and of the look that comes first.
const (
	longestMaking = 30 * time.Second
	freshLook     = 6 * time.Second
)

// join finds the making that is to be waited for, or begins it. It is nil where there is to be none.
func (v *Variants) join(s *fleet.Server, key string, numCtx int) *making {
	state, at := s.State(), slot{place{s, key}, numCtx}
	found := v.find(s, state, key, numCtx)
	v.mu.Lock()
	defer v.mu.Unlock()
	k := v.known[at]
	if found.digest == "" || k.digest != found.digest || k.there(state) {
		return nil
	}
	if m := v.making[place{s, k.key}]; m != nil {
		return m
	}
	if !v.may(s, state, k) {
		return nil
	}
	m := &making{slot: at, variant: k, model: state.Has(key).Name.Short(), done: make(chan struct{})}
	v.making[place{s, k.key}] = m
	v.running.Go(func() { v.make(m) })
	return m
}

// make has the server make the variant, and tells how that went.
func (v *Variants) make(m *making) {
	ctx, cancel := context.WithTimeout(v.base, longestMaking)
	defer cancel()
	err := v.ask(ctx, m)
	m.ok, m.changed = err == nil, errors.Is(err, errChanged)
	if v.base.Err() == nil && !m.changed {
		v.learn(m, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.making, place{m.server, m.variant.key})
	v.forget()
	close(m.done)
}

// errChanged is a base that is gone or another by now.
var errChanged = errors.New("the model has changed")

// A refusal is a server's word that it will have no variant.
type refusal struct{ why, version string }

func (r *refusal) Error() string { return r.why }

// ask looks whether the base is still there, for Ollama would pull what is not, and asks for the variant.
func (v *Variants) ask(ctx context.Context, m *making) error {
	began := time.Now()
	m.server.LookNow(ctx, freshLook)
	state := m.server.State()
	if !state.Up || state.Looked.Before(began) {
		return errors.New(cmp.Or(state.Err, "it answers no look"))
	}
	base := state.Has(m.slot.key)
	switch {
	case base == nil || base.Digest != m.digest:
		return errChanged
	case state.HasVariant(m.variant.key):
		return nil
	}
	body, _ := json.Marshal(map[string]any{ // strings and numbers always encode
		"model": m.name, "from": base.Listed.Name, "parameters": map[string]int{"num_ctx": m.numCtx}, "stream": false,
	})
	status, answer, err := m.server.Client().Do(ctx, http.MethodPost, "/api/create", body)
	if err != nil {
		return errors.New(fleet.Reason(err))
	}
	return judge(status, answer, state.Version)
}

// statusLeft is Ollama's for a client that has left.
const statusLeft = 499

// judge is what a server's answer means: nil, a *refusal, or a failure that may pass.
func judge(status int, answer []byte, version string) error {
	text := ollama.ErrorText(answer)
	if status == http.StatusOK && text == "" && bytes.Contains(answer, []byte("success")) {
		return nil
	}
	why := fmt.Sprintf("status %d: %s", status, cmp.Or(text, http.StatusText(status)))
	passing := []int{http.StatusRequestTimeout, http.StatusTooManyRequests, statusLeft}
	if status >= http.StatusInternalServerError || slices.Contains(passing, status) {
		return errors.New(why)
	}
	return &refusal{why, version}
}

// learn keeps what came of it, and tells the operator.
func (v *Variants) learn(m *making, err error) {
	now := time.Now()
	var no *refusal
	switch {
	case err == nil:
		v.settle(m, func(k *variant) { k.made, k.last, k.before, k.failed = now, now, k.last, time.Time{} })
		m.server.Note(m.topic, "")
		v.opts.Log.Info("variant made: a model with a context of its own, for /v1 requests", "server", m.server.ID(), "model", m.model, "num_ctx", m.numCtx, "variant", m.name)
		m.server.LookAgain()
	case errors.As(err, &no):
		if v.refuse(m, no.version) {
			v.tell(m, "the server refuses it", err)
		}
	default:
		v.settle(m, func(k *variant) { k.failed = now })
		if m.failed.IsZero() {
			v.tell(m, "it cannot be made for now", err)
		}
	}
}

// settle changes what is known of the variant, unless it is another by now.
func (v *Variants) settle(m *making, do func(k *variant)) {
	v.change(m.slot, func(k *variant) {
		if k.digest == m.digest {
			do(k)
		}
	})
}

// refuse remembers that a server will not have a variant, and says whether that is news.
func (v *Variants) refuse(m *making, version string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := place{m.server, m.digest}
	had, known := v.refused[at]
	v.refused[at] = version
	return !known || had != version
}

// tell says in the log and in the state that there is no variant.
func (v *Variants) tell(m *making, what string, err error) {
	v.opts.Log.Warn("no variant of the model: "+what+"; /v1 requests for it get the server's own context",
		"server", m.server.ID(), "model", m.model, "num_ctx", m.numCtx, "reason", err.Error())
	m.server.Note(m.topic, fmt.Sprintf("num_ctx %d: %s (%s); /v1 requests for %s get the server's own context", m.numCtx, what, err, m.model))
}

// forget drops what is known of models and servers that are gone. The lock is held.
func (v *Variants) forget() {
	maps.DeleteFunc(v.known, func(at slot, k variant) bool {
		gone := at.server.Left() || at.server.State().Has(at.key) == nil
		if gone {
			at.server.Note(k.topic, "")
		}
		return gone
	})
	maps.DeleteFunc(v.refused, func(at place, _ string) bool {
		has := func(m fleet.Model) bool { return m.Digest == at.key }
		return at.server.Left() || !slices.ContainsFunc(at.server.State().Installed, has)
	})
}
