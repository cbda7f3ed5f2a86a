package fleet

import "time"

// Busy is why a request was given no server: too many wait for a place, or it has waited too long.
type Busy struct {
	Why        string
	RetryAfter time.Duration // a guess, whole seconds
}

func (b *Busy) Error() string { return b.Why }
