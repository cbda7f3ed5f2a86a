package balance

import (
	"cmp"
	"slices"
	"time"

	"gollamas/internal/fleet"
)

// loadedFirst asks where the answer is expected to cost least. A server that has
// the model loaded, with the context asked for and a place free, costs nothing; one that is
// loading it, the rest of the load; any other, a load, which counts double: it takes
// the box from other models, and often their memory. So requests gather where a model
// is, and spread when waiting there comes to cost more than another load.
func loadedFirst(all []Candidate, round uint64) {
	rotate(all, round)
	fill(all)
	for i := range all {
		all[i].Cost = all[i].cost()
	}
	slices.SortStableFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(a.share(), b.share()))
	})
	patience(all)
}

// patience has a request wait for a place where the model is, as long as it
// would cost to have it loaded elsewhere: whatever comes, that is at most twice the best choice.
func patience(all []Candidate) {
	waits := false
	for i := range all {
		c := &all[i]
		c.Later = c.Places > 0 && c.Yields
		switch {
		case !c.Suits && !c.Loading:
			if waits {
				c.After = c.Cost
			}
			c.Later = c.Places > 0 && c.unsettled()
		case !c.Free() || c.Later:
			waits = true
		}
	}
}

// unsettled says that to load the model now would be a load for nothing. Ollama
// loads one model at a time, so a second load waits inside it, holds a place all the while, and
// then pushes out what has just come. And a server that is busy with what it has loaded works with
// that as long as another load in its place costs: however many wait for however many models,
// most of its time goes to answers and not to loads.
func (c *Candidate) unsettled() bool {
	busy, fits := c.InFlight, c.Fits == fleet.FitYes
	if c.Loaded { // with another context: only the model itself must come to rest, and nothing else go
		busy, fits = c.Same, false
	}
	return c.Taken || !fits && busy > 0 && c.Settled < c.Cost
}

// What is assumed where nothing has been measured: that a disk gives so many
// bytes a second and a runner takes so long to start, and that an answer takes a tenth of a load.
const (
	assumedRate   = 500 << 20
	assumedStart  = 3 * time.Second
	assumedAnswer = 10
)

// assumed is how long so many bytes take to load.
func assumed(size int64) time.Duration {
	return assumedStart + time.Duration(size/assumedRate)*time.Second
}

// slowed is by how many loads a server comes later on which a model does not fit into memory.
const slowed = 4

// fill puts for what is not known of one server what is known of the others: an
// unknown figure is neither zero nor the worst.
func fill(all []Candidate) {
	load := mean(all, func(c *Candidate) time.Duration { return c.Load })
	service := mean(all, func(c *Candidate) time.Duration { return c.Service })
	for i := range all {
		c := &all[i]
		c.Load = cmp.Or(c.Load, load, assumed(c.Size))
		c.Service = cmp.Or(c.Service, service, c.Load/assumedAnswer)
	}
}

// mean is that of the figures that are known, 0 = none is.
func mean(all []Candidate, of func(*Candidate) time.Duration) time.Duration {
	sum, n := time.Duration(0), time.Duration(0)
	for i := range all {
		if d := of(&all[i]); d > 0 {
			sum, n = sum+d, n+1
		}
	}
	return sum / max(n, 1)
}

// cost is the time a request is expected to wait for its first token here, with what it costs others.
func (c *Candidate) cost() time.Duration {
	wait := c.wait()
	switch {
	case c.Yields:
		return wait + 2*c.Load // it will have left by then, as like as not
	case c.Suits:
		return wait
	case c.Loading:
		return wait + max(c.Load-c.Since, c.Load/4)
	case c.Loaded: // with another context: what runs must end, and somebody will want the old one back
		return wait + time.Duration(c.Same)*c.Service + 3*c.Load
	}
	if c.Taken {
		wait += c.Load // one load at a time; the other's rest is not known better
	}
	if c.Spills {
		wait += slowed * c.Load // it would be slow there, and everything else gone
	}
	return wait + 2*c.Load + c.Evicts
}

// wait is how long it takes until a place is free. Where the operator has not said how
// many places there are, it is one: that is Ollama's own default.
func (c *Candidate) wait() time.Duration {
	places, busy := max(c.Places, 1), c.InFlight
	if c.Places == 0 {
		busy = c.Same
	}
	if !c.Loaded && !c.Loading {
		busy = c.InFlight
		if c.Places == 0 {
			return 0
		}
	}
	over := busy + c.Ahead + 1 - places
	return time.Duration(max(over, 0)) * c.Service / time.Duration(places*c.Weight)
}
