package balance

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A line is what requests wait for in one queue: a model, with the context and options they ask for. What
// waits for others must not hold up those for whom the model is loaded as it is.
type line struct {
	key    string
	runner ollama.Runner
}

// line is where the request waits. The desk's lock is held.
func (c *Call) line() line {
	if c.waits == nil {
		l := c.ask.line()
		c.waits = &l
	}
	return *c.waits
}

// line is where a request waits: with all that have the model loaded the same way, if rules make it so everywhere.
func (a *Ask) line() line {
	if a.On == nil {
		return line{a.Key, a.Runner}
	}
	l := line{a.Key, a.Runner}
	for i, m := range a.Members() {
		switch r := a.On(m.Server); {
		case i == 0:
			l.runner = r
		case r != l.runner:
			return line{a.Key, a.Runner}
		}
	}
	return l
}

// A queue is the requests in one line, in the order they came.
type queue struct {
	model   string
	waiters []*waiter
}

// A waiter is a request that waits for a place.
type waiter struct {
	call  *Call
	hope  fleet.Hope
	given chan *fleet.Turn // a place; nil = there is no server left to wait for
}

// lookAgain is how often those who wait are weighed anew: what they wait
// for may have become better or worse without any request having ended.
const lookAgain = time.Second

// Next claims the next server to ask. It returns nil where none is left, *fleet.Busy
// where too many wait, and the context's error where that ends.
func (c *Call) Next(ctx context.Context, hope fleet.Hope) (*fleet.Turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	turn, w, err := c.take(hope)
	if w != nil {
		turn, err = c.queue(ctx, w)
	}
	if turn != nil {
		turn.Announce()
	}
	return turn, err
}

// take claims a place, or joins the queue.
func (c *Call) take(hope fleet.Hope) (*fleet.Turn, *waiter, error) {
	d, now := c.desk, time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.boxes)
	ahead := 0
	if len(d.queues) > 0 {
		ahead = d.overtaken(c, now)
	}
	full := d.len.Load() >= int64(d.length)
	turn, waits := d.pick(c, hope, ahead, full, now)
	if turn != nil || !waits {
		return turn, nil, nil
	}
	if hope == fleet.HopeNone { // a failing answer is there already, and nobody waits for another one
		return nil, nil, nil
	}
	if full {
		return nil, nil, &fleet.Busy{
			Why:        fmt.Sprintf("every server of model %q is busy, and %d requests wait already (queue.length)", c.ask.Model, d.len.Load()),
			RetryAfter: d.retryAfter(c),
		}
	}
	if c.ticket == 0 {
		d.ticket++
		c.ticket = d.ticket
	}
	w := &waiter{call: c, hope: hope, given: make(chan *fleet.Turn, 1)}
	c.since = now
	d.join(w)
	return nil, w, nil
}

// overtaken gives places to those who wait already for the same, and says how many still do: nobody is overtaken.
func (d *Desk) overtaken(c *Call, now time.Time) int {
	q := d.queues[c.line()]
	if q == nil {
		return 0
	}
	d.serve(c.line(), q, now)
	return len(q.waiters)
}

// join puts a waiter behind those that came before it; one that waits again keeps its place.
func (d *Desk) join(w *waiter) {
	q := d.queues[w.call.line()]
	if q == nil {
		q = &queue{model: w.call.ask.Model}
		d.queues[w.call.line()] = q
	}
	i, _ := slices.BinarySearchFunc(q.waiters, w.call.ticket, func(o *waiter, t uint64) int { return cmp.Compare(o.call.ticket, t) })
	q.waiters = slices.Insert(q.waiters, i, w)
	if d.len.Add(1) == 1 {
		d.review = time.AfterFunc(lookAgain, d.reviewed)
	}
}

// remove takes the waiter at i out of a queue.
func (d *Desk) remove(l line, q *queue, i int) {
	c := q.waiters[i].call
	c.waited, c.since = c.wait(time.Now()), time.Time{}
	q.waiters = slices.Delete(q.waiters, i, i+1)
	if d.len.Add(-1) == 0 {
		d.review.Stop()
	}
	if len(q.waiters) == 0 {
		delete(d.queues, l)
	}
}

// queue waits for a place. waited is no longer changed by others once the place is given.
func (c *Call) queue(ctx context.Context, w *waiter) (*fleet.Turn, error) {
	_, most := c.desk.Limits()
	late := time.NewTimer(c.desk.left(c))
	defer late.Stop()
	select {
	case turn := <-w.given:
		return turn, nil
	case <-ctx.Done():
		return c.giveUp(w, ctx.Err())
	case <-late.C:
		return c.giveUp(w, &fleet.Busy{
			Why:        fmt.Sprintf("every server of model %q is busy: waited %s for a place (queue.wait)", c.ask.Model, most),
			RetryAfter: c.desk.guess(c),
		})
	}
}

// left is how long a request may still wait.
func (d *Desk) left(c *Call) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.most - c.wait(time.Now())
}

// giveUp leaves the queue. A place that was given at the same moment is kept
// where the wait was only too long, and given back where nobody wants it any more.
func (c *Call) giveUp(w *waiter, why error) (*fleet.Turn, error) {
	d := c.desk
	d.mu.Lock()
	clear(d.boxes)
	_, late := why.(*fleet.Busy)
	if q := d.queues[c.line()]; q != nil {
		if i := slices.Index(q.waiters, w); i >= 0 {
			d.remove(c.line(), q, i)
			if turn := c.lastChance(w, late); turn != nil {
				w.given <- turn
			}
		}
	}
	d.mu.Unlock()
	select {
	case turn := <-w.given:
		if late || turn == nil {
			return turn, nil
		}
		turn.End(time.Now(), fleet.Outcome{})
	default:
	}
	return nil, why
}

// lastChance is any place at all, for one who would be refused. The lock is held.
func (c *Call) lastChance(w *waiter, late bool) *fleet.Turn {
	if !late {
		return nil
	}
	turn, _ := c.desk.pick(c, w.hope, 0, true, time.Now())
	return turn
}

// Dispatch gives places to those who wait: something has changed.
func (d *Desk) Dispatch() { d.dispatch() }

// reviewed weighs all who wait anew, and will again while anybody does.
func (d *Desk) reviewed() {
	d.dispatch()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.len.Load() > 0 {
		d.review.Reset(lookAgain)
	}
}

// dispatch gives every place that is free to whoever has waited longest for one. It
// looks for waiters under the lock: one may be about to join.
func (d *Desk) dispatch() { d.give(func(*queue) bool { return true }) }

// freed is told that a place is free on a server: only those who may go there are weighed, until it is taken.
func (d *Desk) freed(s *fleet.Server) {
	d.give(func(q *queue) bool {
		return (s.Parallel() == 0 || s.Taken() < s.Parallel()) && q.waiters[0].call.may(s)
	})
}

func (d *Desk) give(worth func(*queue) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queues) == 0 {
		return
	}
	clear(d.boxes)
	now := time.Now()
	for _, l := range d.byAge() {
		if q := d.queues[l]; worth(q) {
			d.serve(l, q, now)
		}
	}
}

// may says whether a request may go to a server at all.
func (c *Call) may(s *fleet.Server) bool {
	return slices.ContainsFunc(c.ask.Members(), func(m Member) bool { return m.Server == s })
}

// byAge lists the lines there are, the one whose first has waited longest first.
func (d *Desk) byAge() []line {
	lines := make([]line, 0, len(d.queues))
	for l := range d.queues {
		lines = append(lines, l)
	}
	first := func(l line) uint64 { return d.queues[l].waiters[0].call.ticket }
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(first(a), first(b)) })
	return lines
}

// serve gives a queue's requests their places, in order, until one has to wait on.
// Behind one that has tried servers already, others may have more to choose from.
func (d *Desk) serve(l line, q *queue, now time.Time) {
	for i := 0; i < len(q.waiters); {
		w := q.waiters[i]
		turn, waits := d.pick(w.call, w.hope, i, false, now)
		if turn == nil && waits {
			if len(w.call.tried) == 0 {
				break
			}
			i++
			continue
		}
		d.remove(l, q, i)
		w.given <- turn
	}
	d.relieve(l, q, now)
}

// relieve has whoever came last go to a server for whom that is worth a load. The
// first is better off waiting: its place comes soon. So it is with one that has just come.
func (d *Desk) relieve(l line, q *queue, now time.Time) {
	last := len(q.waiters) - 1
	if last < 1 {
		return
	}
	w := q.waiters[last]
	if turn, _ := d.pick(w.call, w.hope, last, false, now); turn != nil {
		d.remove(l, q, last)
		w.given <- turn
	}
}
