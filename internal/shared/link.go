package shared

import (
	"context"
	"errors"
	"strings"
	"time"
)

// A link is how this gollamas stands with the Redis. The zero value has not been tried.
type link struct {
	up       bool
	tried    bool
	falls    int64     // how often it was found gone
	failures int64     // how often anything has failed
	since    time.Time // it is up
	retry    time.Time // nobody asks before
	pause    time.Duration
}

// fell notes a failure, and says whether it is news.
func (l *link) fell(now time.Time) bool {
	l.failures++
	l.falls++
	news := l.up || !l.tried
	switch {
	case l.up && now.Sub(l.since) < steady:
		l.pause = min(max(2*l.pause, again), never)
	case news:
		l.pause = again
	}
	l.up, l.tried, l.retry = false, true, now.Add(l.pause)
	return news
}

// rose notes that it answers, and says whether it is news.
func (l *link) rose(now time.Time) bool {
	news := !l.up
	if news {
		l.since = now
	}
	l.up, l.tried = true, true
	return news
}

func (c *Counts) up() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.up
}

// due says whether the Redis is to be asked now.
func (c *Counts) due(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.up || !now.Before(c.link.retry)
}

// fails takes note of a failure: from here on nobody waits for the Redis, until it has answered in the background.
func (c *Counts) fails(err error) {
	c.mu.Lock()
	news := c.link.fell(time.Now())
	c.ledger.whole = true // who knows what it still has
	c.mu.Unlock()
	if !news {
		return
	}
	c.spread(nil)
	c.opts.Log.Warn("replicas no longer count together: until the Redis answers, each gollamas counts for itself", "redis", c.address, "reason", c.reason(err))
}

// reason is an error for the log, without the password, whoever should repeat that.
func (c *Counts) reason(err error) string {
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer within " + c.opts.Bound.String()
	}
	if c.password != "" {
		text = strings.ReplaceAll(text, c.password, "…")
	}
	return text
}
