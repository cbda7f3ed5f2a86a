// Package shared is what several gollamas count together in a Redis or Valkey: what keys have taken of their limits,
// and how busy the servers are. Whenever that does not answer, each counts for itself, and no request waits for it longer than a moment.
package shared

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"gollamas/internal/fleet"
)

// The times by which replicas know of each other.
const (
	bound  = 100 * time.Millisecond // how long anything waits for the Redis
	crowd  = 128                    // connections to the Redis: one for each request that is asking it
	rhythm = 100 * time.Millisecond // between two beats
	often  = 10                     // of so many beats, one tells everything: the Redis may have lost it
	silent = 3 * time.Second        // who has not been heard of for so long is gone
	again  = time.Second            // after a failure nobody asks for so long
	never  = 30 * time.Second       // nor for so long where it fails again and again
	steady = 10 * time.Second       // so long it has to hold for that to be forgotten
)

// Options are what Counts is made of.
type Options struct {
	URL     string                 // redis:// or rediss://
	Replica string                 // this process among the others
	Servers func() []*fleet.Server // of now
	Changed func()                 // others have less on a server than before; nil = nobody is told
	Log     *slog.Logger
	Bound   time.Duration // how long anything waits for the Redis; 0 = 100 ms
}

// Counts is this gollamas' share in what replicas count together. Before Run, and whenever the Redis is away, it
// counts nothing but what it will have to tell later.
type Counts struct {
	opts     Options
	redis    *redis.Client
	address  string // of the Redis, without a password
	password string
	take     *redis.Script
	beat     *redis.Script
	wake     chan struct{} // asks for a beat at once

	spreading sync.Mutex // for telling servers and nothing else
	mu        sync.Mutex
	link      link
	ledger    ledger
	next      chan struct{} // closed when the beat that begins next is over
	beats     int
	replicas  int // heard of at the last beat, this one too
}

// New returns counts that nobody has told anything yet. It opens no connection: a Redis that is away is no error.
func New(o Options) (*Counts, error) {
	said, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, fmt.Errorf("shared: %s (write redis://USER:PASSWORD@HOST:6379/0)", strings.TrimPrefix(err.Error(), "redis: "))
	}
	if o.Bound == 0 {
		o.Bound = bound
	}
	logging.Disable() // what goes wrong is told once, and by us
	said.MaxRetries, said.DialerRetries = -1, 1
	said.DialTimeout, said.ReadTimeout, said.WriteTimeout, said.PoolTimeout = o.Bound, o.Bound, o.Bound, o.Bound/2 // the last: who waits for a connection is to know it before his time is over
	said.PoolSize, said.MinIdleConns = crowd, 2
	said.ContextTimeoutEnabled, said.DisableIdentity, said.Protocol = true, true, 2
	said.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Counts{
		opts: o, redis: redis.NewClient(said), address: said.Addr, password: said.Password,
		take: redis.NewScript(takeScript), beat: redis.NewScript(beatScript),
		wake: make(chan struct{}, 1), next: make(chan struct{}), ledger: newLedger(),
	}, nil
}

// A Status is how the replicas stand.
type Status struct {
	Up       bool  // they count together
	Replicas int   // heard of at the last beat, this one too
	Failures int64 // how often the Redis has failed
}

// Status says how the replicas stand.
func (c *Counts) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Status{c.link.up, c.replicas, c.link.failures}
}

// Run lets the replicas know of each other until ctx ends; then they know that this one has left.
func (c *Counts) Run(ctx context.Context) {
	tick := time.NewTicker(rhythm)
	defer tick.Stop()
	for {
		if c.due(time.Now()) {
			c.tell(ctx)
		}
		select {
		case <-ctx.Done():
			c.leave()
			return
		case <-tick.C:
		case <-c.wake:
		}
	}
}

// bounded is the time that one question to the Redis may take. A client that leaves is not its fault.
func (c *Counts) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), c.opts.Bound)
}

// leave tells what is left to tell, and frees what this replica holds.
func (c *Counts) leave() {
	if c.up() {
		c.tell(context.Background())
		ctx, cancel := c.bounded(context.Background())
		defer cancel()
		_, _ = c.redis.Pipelined(ctx, func(p redis.Pipeliner) error { // else it is found silent
			p.ZRem(ctx, replicasKey, c.opts.Replica)
			p.HDel(ctx, loadsKey, c.opts.Replica)
			return nil
		})
	}
	c.mu.Lock()
	c.link.up = false
	c.mu.Unlock()
	c.spread(nil)
	_ = c.redis.Close() // nobody asks it any more
}
