package balance

import (
	"math"
	"slices"
	"time"
)

// guess is when it may be worth asking again.
func (d *Desk) guess(c *Call) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.retryAfter(c)
}

// The guess is kept between these: nobody should hammer, and nobody give up.
const (
	soonest = time.Second
	latest  = time.Minute
)

// retryAfter guesses how long those who wait now will keep the servers busy. The lock is held.
func (d *Desk) retryAfter(c *Call) time.Duration {
	waiting, places, service, load := 1, 0, time.Duration(0), time.Duration(0)
	if q := d.queues[c.line()]; q != nil {
		waiting += len(q.waiters)
	}
	for _, m := range c.ask.Members() {
		facts := m.Server.Facts(c.ask.Key)
		places += max(m.Server.Parallel(), 1)
		service = max(service, facts.Service.Typical)
		if !facts.Loading.IsZero() {
			usual := loadTime(m.Server, m.Server.State(), c.ask.Key, facts)
			load = max(load, usual-time.Since(facts.Loading))
		}
	}
	guess := load + service*time.Duration(waiting)/time.Duration(max(places, 1))
	seconds := math.Ceil(guess.Seconds())
	return min(max(time.Duration(seconds)*time.Second, soonest), latest)
}

// A Waiting is a model that is waited for.
type Waiting struct {
	Key    string        `json:"-"`
	Model  string        `json:"model"`
	Length int           `json:"length"`
	Oldest time.Duration `json:"-"` // how long the first has waited
}

// Queues lists the models that are waited for.
func (d *Desk) Queues() []Waiting {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Waiting
	for _, l := range d.byAge() {
		q := d.queues[l]
		oldest := q.waiters[0].call.wait(time.Now())
		i := slices.IndexFunc(out, func(w Waiting) bool { return w.Key == l.key })
		if i < 0 {
			out = append(out, Waiting{l.key, q.model, 0, oldest})
			i = len(out) - 1
		}
		out[i].Length += len(q.waiters)
	}
	return out
}
