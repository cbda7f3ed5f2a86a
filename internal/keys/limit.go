package keys

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Limit is which of a key's limits was reached, in one word, to count by.
type Limit string

// The limits.
const (
	LimitRequests Limit = "requests"
	LimitTokens   Limit = "tokens"
	LimitParallel Limit = "parallel"
)

// A Refusal is why a holder may take no more now.
type Refusal struct {
	Limit Limit
	After time.Duration // there may be more then
	Text  string        // for the client
}

// Counts are what several gollamas count together. Where they cannot be asked, Take refuses nothing: each counts for
// itself besides. What Take has not refused, Give is told the end of.
type Counts interface {
	Take(ctx context.Context, k Key, now time.Time) *Refusal
	Give(k Key, tokens int64, now time.Time) // a request is over, and took so many
}

// taken is what a holder has taken of its key's limits.
type taken struct {
	mu      sync.Mutex
	rate    *rate.Limiter // nil = no limit
	running int
	day     int64 // since 1970, UTC's
	tokens  int64 // of that day
}

// limit sets what may be taken, and keeps what was.
func (t *taken) limit(k Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	per := rate.Limit(float64(k.PerMinute) / time.Minute.Seconds())
	switch {
	case k.PerMinute == 0:
		t.rate = nil
	case t.rate == nil:
		t.rate = rate.NewLimiter(per, k.PerMinute) // a whole minute's may come at once
	default:
		t.rate.SetLimit(per)
		t.rate.SetBurst(k.PerMinute)
	}
}

// Take counts a request of the holder's, until end is called with what it took, or says why there may be none.
func (h *Holder) Take(ctx context.Context, now time.Time) (end func(tokens int64), no *Refusal) {
	if h == nil {
		return func(int64) {}, nil
	}
	undo, no := h.taken.take(h.key, now)
	if no != nil {
		return nil, no
	}
	together := h.counts != nil && h.key.limited()
	if together {
		if no = h.counts.Take(ctx, h.key, now); no != nil {
			undo()
			return nil, no
		}
	}
	return func(tokens int64) {
		over := time.Now()
		h.taken.give(tokens, over)
		if together {
			h.counts.Give(h.key, tokens, over)
		}
	}, nil
}

func (k Key) limited() bool { return k.PerMinute > 0 || k.PerDay > 0 || k.Parallel > 0 }

func (t *taken) take(k Key, now time.Time) (undo func(), no *Refusal) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.today(now)
	switch {
	case k.Parallel > 0 && t.running >= k.Parallel:
		return nil, k.TooMany()
	case k.PerDay > 0 && t.tokens >= k.PerDay:
		return nil, k.UsedUp(now)
	}
	giveBack := func() {}
	if t.rate != nil {
		r := t.rate.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			return nil, k.TooFast(wait)
		}
		giveBack = func() { r.CancelAt(now) }
	}
	t.running++
	return func() { giveBack(); t.give(0, now) }, nil
}

func (t *taken) give(tokens int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.today(now)
	t.running--
	t.tokens += min(max(tokens, 0), math.MaxInt64/2-t.tokens)
}

// today forgets yesterday's tokens. A clock that steps back over midnight gives none again; one that has been far ahead is
// believed when it is not any more. The lock is held.
func (t *taken) today(now time.Time) {
	if day := Day(now); day > t.day || day < t.day-1 {
		t.day, t.tokens = day, 0
	}
}

// Day is the day that tokens of this moment count for: UTC's, since 1970.
func Day(now time.Time) int64 {
	return int64(math.Floor(float64(now.Unix()) / (24 * time.Hour).Seconds()))
}

// TooFast refuses more requests than a minute may have.
func (k Key) TooFast(after time.Duration) *Refusal {
	return &Refusal{LimitRequests, after, fmt.Sprintf("key %q may make %d requests a minute: there is room for one in %s", k.Name, k.PerMinute, max(after, time.Millisecond).Round(time.Millisecond))}
}

// TooMany refuses more requests than may run at once. When one ends nobody knows.
func (k Key) TooMany() *Refusal {
	return &Refusal{LimitParallel, time.Second, fmt.Sprintf("key %q may have %d requests at once, and as many are running", k.Name, k.Parallel)}
}

// UsedUp refuses more tokens than a day may have.
func (k Key) UsedUp(now time.Time) *Refusal {
	midnight := time.Unix((Day(now)+1)*24*60*60, 0)
	return &Refusal{LimitTokens, midnight.Sub(now), fmt.Sprintf("key %q has had its %d tokens of today: there are more at midnight, UTC", k.Name, k.PerDay)}
}
