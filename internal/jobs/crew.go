package jobs

import (
	"context"
	"sync"
)

// A crew is what works in the background, and ends when Run does.
type crew struct {
	base context.Context // ends when gollamas does, and all work with it
	stop context.CancelFunc

	mu      sync.RWMutex // also for what its owner knows
	closed  bool         // nothing more is begun
	running sync.WaitGroup
}

// hire makes the crew ready for work.
func (c *crew) hire() { c.base, c.stop = context.WithCancel(context.Background()) }

// Run waits until ctx ends, and then for what is under way, which ends with it.
func (c *crew) Run(ctx context.Context) {
	<-ctx.Done()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.running.Wait()
}
