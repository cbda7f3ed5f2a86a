package fleet

import "time"

// A Breaker keeps requests from what keeps failing, and then lets one through
// to see. It is a value that never changes; its zero value is whole.
type Breaker struct {
	Failures int           // in a row
	Until    time.Time     // open until then, and half-open after; zero = closed
	Pause    time.Duration // how long it was opened for; it doubles each time
	Reason   string        // of the last failure
	Trying   bool          // half-open, and one request is on its way
}

const (
	tripAfter    = 3 // failures in a row
	firstPause   = 10 * time.Second
	longestPause = 5 * time.Minute
)

// Open says that it has tripped and nothing has shown yet that all is well again.
func (b Breaker) Open() bool { return !b.Until.IsZero() }

// Lets says whether a request may pass: where it is half-open, one at a time.
func (b Breaker) Lets(now time.Time) bool {
	return !b.Open() || !b.Trying && !now.Before(b.Until)
}

// trial is the breaker with a request on its way to see, and whether the next one is that:
// one that is sent while it is open, because there is nothing better, is not.
func (b Breaker) trial(now time.Time) (Breaker, bool) {
	if !b.Open() || !b.Lets(now) {
		return b, false
	}
	b.Trying = true
	return b, true
}

// failed is the breaker after one more failure, which counts as so many; of
// what is under way since before it tripped, none counts.
func (b Breaker) failed(now time.Time, reason string, count int, trial bool) Breaker {
	if b.Open() && (!trial || now.Before(b.Until)) { // or another trial has failed already
		return b
	}
	b.Reason, b.Failures = reason, b.Failures+count
	if trial || b.Failures >= tripAfter {
		b.Pause = min(max(2*b.Pause, firstPause), longestPause)
		b.Until, b.Trying = now.Add(b.Pause), false
	}
	return b
}

// back is the breaker of a server that was away and is back: closed, for what failed as it went is no
// sign of how it is now. One more failure opens it again, and then for longer than a return can
// cut short: the model may be what takes the server down.
func (b Breaker) back() Breaker {
	if b.Open() && b.Pause <= firstPause {
		return Breaker{Failures: tripAfter - 1, Pause: b.Pause, Reason: b.Reason}
	}
	return b
}

// Name is its state for people: closed, open or half-open.
func (b Breaker) Name(now time.Time) string {
	switch {
	case !b.Open():
		return "closed"
	case now.Before(b.Until):
		return "open"
	}
	return "half-open"
}
