package app

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
)

// A Step is how far a pull is.
type Step struct {
	Pull
	Status    string // what the server said last, "" = nothing yet
	Total     int64  // bytes, of the layers that the server has spoken of
	Completed int64  // of those, what it has
	Begun     bool   // the pull has just begun: this is the first of its steps
	Over      bool   // it has ended
	Err       error  // why it has come to nothing
}

// ErrStopped is why a pull has come to nothing that ended because the Sync did.
var ErrStopped = errors.New("it was broken off")

// Pull has the servers pull, several at the same time and each one thing after another, and returns when all is over. tell
// hears of each pull when it begins, whenever the server says something, and when it is over; it is called
// from nowhere but here. What has not begun when the Sync ends is not told of.
func (s *Sync) Pull(all []Pull, tell func(Step)) {
	steps := make(chan Step)
	var wg sync.WaitGroup
	for _, queue := range queues(all) {
		wg.Go(func() {
			for _, p := range queue {
				if s.ctx.Err() == nil {
					s.pull(p, steps)
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(steps)
	}()
	for step := range steps {
		tell(step)
	}
}

// queues are the pulls of each server, in order.
func queues(all []Pull) map[*fleet.Server][]Pull {
	out := map[*fleet.Server][]Pull{}
	for _, p := range all {
		out[p.on] = append(out[p.on], p)
	}
	return out
}

// pull has one server pull one model.
func (s *Sync) pull(p Pull, steps chan<- Step) {
	steps <- Step{Pull: p, Begun: true}
	body, _ := json.Marshal(map[string]any{"model": p.Model, "stream": true}) // a string and a bool always encode
	c := s.app.changes.Pull(jobs.Wish{Server: p.on, Key: p.key, Model: p.Model, Body: body})
	now := func() Step {
		at := c.Now()
		return Step{Pull: p, Status: at.Status, Total: at.Total, Completed: at.Completed}
	}
	_ = jobs.Follow(context.Background(), []*jobs.Change{c}, false, func([]byte) { steps <- now() }) // it ends when the Sync does
	last := now()
	last.Over, last.Err = true, s.failed(p, c.Outcome())
	steps <- last
}

// failed is why a pull that is over has come to nothing, nil = it has not.
func (s *Sync) failed(p Pull, o jobs.Outcome) error {
	switch {
	case !o.Done && s.ctx.Err() != nil:
		return ErrStopped
	case !o.Done:
		return errors.New(o.Why)
	case !s.listed(p):
		return errors.New("the server says that it has been pulled, but does not list it")
	}
	return nil
}

// listed says whether the server has what it has pulled. One that has not been seen since is believed.
func (s *Sync) listed(p Pull) bool {
	if p.on.State().Has(p.key) == nil {
		p.on.LookNow(s.ctx, longestLook) // the look before may have been too slow to be waited for
	}
	state := p.on.State()
	return !state.Up || s.ctx.Err() != nil || state.Has(p.key) != nil
}
