package shared

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// A beat is one thing told to the Redis, and what it is told of.
type beat struct {
	falls   int64 // how often the link had fallen before
	numbers map[string]number
	loads   map[string]int // of servers, by their URLs
	over    chan struct{}
}

// tell has one beat: it says what has changed here, or everything where that has not been said for a while, and hears
// what the others have said. It is what finds the Redis again, too.
func (c *Counts) tell(ctx context.Context) {
	b, names, args := c.begin()
	defer close(b.over)
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	answer, err := c.beat.Run(ctx, c.redis, names, args...).Slice()
	var others others
	if err == nil {
		others, err = hear(answer)
	}
	if err != nil {
		c.fails(err)
		return
	}
	c.heard(b, others)
}

// begin collects what is to be told. Its script's keys and arguments stand in beatScript's order.
func (c *Counts) begin() (b beat, names []string, args []any) {
	loads := c.loads()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beats++
	c.ledger.whole = c.ledger.whole || c.beats%often == 0
	b = beat{falls: c.link.falls, numbers: c.ledger.tell(), loads: loads, over: c.next}
	c.next = make(chan struct{})
	names = []string{replicasKey, loadsKey, batchKey + c.opts.Replica}
	said, _ := json.Marshal(loads) // a map of numbers
	args = []any{c.opts.Replica, silent.Milliseconds(), string(said), c.ledger.no, len(b.numbers)}
	for _, name := range slices.Sorted(maps.Keys(b.numbers)) {
		names = append(names, parallelKey+name)
		args = append(args, b.numbers[name].version, b.numbers[name].running)
	}
	for _, e := range c.ledger.expenses() {
		names = append(names, tokensKey+e.key)
		args = append(args, e.day, c.ledger.batch[e])
	}
	return b, names, args
}

// loads are the requests of this gollamas on each server that has any.
func (c *Counts) loads() map[string]int {
	out := map[string]int{}
	for _, s := range c.opts.Servers() {
		if n := s.InFlight(); n > 0 {
			out[s.URL()] += n
		}
	}
	return out
}

// heard takes note of an answer, unless the Redis was found gone meanwhile.
func (c *Counts) heard(b beat, o others) {
	c.mu.Lock()
	if b.falls != c.link.falls {
		c.mu.Unlock()
		return
	}
	c.ledger.heard(b.numbers)
	c.replicas = o.replicas
	first := !c.link.tried
	news := c.link.rose(time.Now())
	c.mu.Unlock()
	c.spread(o.loads)
	switch {
	case first:
		c.opts.Log.Info("replicas count together", "redis", c.address, "replicas", o.replicas)
	case news:
		c.opts.Log.Info("replicas count together again", "redis", c.address, "replicas", o.replicas)
	}
}

// spread tells servers what other replicas have on them; nil = nobody knows. Whoever waits is told where that is less now.
func (c *Counts) spread(loads map[string]int) {
	c.spreading.Lock()
	less := false
	for _, s := range c.opts.Servers() {
		n := loads[s.URL()]
		less = less || n < s.Others()
		s.SetOthers(n)
	}
	c.spreading.Unlock()
	if less && c.opts.Changed != nil {
		c.opts.Changed()
	}
}

// others is what the other replicas have said.
type others struct {
	replicas int            // this one too
	loads    map[string]int // of servers, by their URLs
}

var errAnswer = errors.New("it answers what no Redis does")

// hear reads a beat's answer: how many replicas there are, and what each of the others has said.
func hear(answer []any) (others, error) {
	o := others{loads: map[string]int{}}
	for i, part := range answer {
		if n, ok := part.(int64); ok && i == 0 {
			o.replicas = int(n)
			continue
		}
		text, ok := part.(string)
		if !ok || i == 0 {
			return o, errAnswer
		}
		said := map[string]int{}
		_ = json.Unmarshal([]byte(text), &said) // what a replica of another version says otherwise is not known here
		for server, n := range said {
			o.loads[server] += max(n, 0)
		}
	}
	return o, nil
}
