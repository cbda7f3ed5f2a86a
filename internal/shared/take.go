package shared

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"gollamas/internal/keys"
)

// Take counts a request of the key's with those of all replicas, or says which of the limits they have reached
// together. Where the Redis is away it refuses nothing, but will tell of the request when it is back.
func (c *Counts) Take(ctx context.Context, k keys.Key, now time.Time) *keys.Refusal {
	c.mu.Lock()
	mine, up := c.ledger.add(k, 1), c.link.up
	c.mu.Unlock()
	if !up {
		return nil
	}
	no, err := c.ask(ctx, k, mine, now)
	if errors.Is(err, redis.ErrPoolTimeout) { // it is we who ask too much at once, and each counts for itself besides
		return nil
	}
	if err != nil {
		c.fails(err)
		return nil
	}
	if no != nil {
		c.mu.Lock()
		c.ledger.add(k, -1)
		c.mu.Unlock()
	}
	return no
}

func (c *Counts) ask(ctx context.Context, k keys.Key, mine number, now time.Time) (*keys.Refusal, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	answer, err := c.take.Run(ctx, c.redis,
		[]string{replicasKey, requestsKey + k.Name, tokensKey + k.Name, parallelKey + k.Name},
		c.opts.Replica, silent.Milliseconds(), k.PerMinute, k.PerDay, k.Parallel, mine.version, mine.running,
	).Int64Slice()
	switch {
	case err != nil:
		return nil, err
	case len(answer) == 1 && answer[0] == 0:
		return nil, nil
	case len(answer) == 2 && answer[0] == 1:
		return k.TooFast(time.Duration(answer[1]) * time.Microsecond), nil
	case len(answer) == 1 && answer[0] == 2:
		return k.UsedUp(now), nil
	case len(answer) == 1 && answer[0] == 3:
		return k.TooMany(), nil
	}
	return nil, errAnswer
}

// Give says that a request is over, and how many tokens it took. It returns once the others can know, so that whoever
// has an answer may ask any replica for the next; where the Redis is slow, it does not wait for longer than the bound.
func (c *Counts) Give(k keys.Key, tokens int64, now time.Time) {
	c.mu.Lock()
	c.ledger.add(k, -1)
	c.ledger.spend(k, tokens, keys.Day(now))
	up, over := c.link.up, c.next
	c.mu.Unlock()
	if !up || k.Parallel == 0 && (k.PerDay == 0 || tokens == 0) {
		return
	}
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
	late := time.NewTimer(c.opts.Bound)
	defer late.Stop()
	select {
	case <-over:
	case <-late.C:
	}
}
