package fleet

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// A Verdict is what an attempt says about the server.
type Verdict uint8

// The verdicts.
const (
	Neutral   Verdict = iota // nothing: the client left, or asked for what cannot be
	Fine                     // it works
	Failed                   // the model did not work there: a cut, a load that failed
	Stalled                  // nothing came for too long
	Unreached                // it took no connection
)

// An Outcome is how an attempt went.
type Outcome struct {
	Verdict Verdict
	Reason  string
	Gap     time.Duration // the longest wait inside a stream, 0 = it was none
}

// after is the breaker once an attempt has ended.
func (b Breaker) after(now time.Time, o Outcome, trial bool) Breaker {
	switch o.Verdict {
	case Fine:
		return Breaker{}
	case Failed:
		return b.failed(now, o.Reason, 1, trial)
	case Stalled: // it has cost so much time that one is enough
		return b.failed(now, o.Reason, tripAfter, trial)
	}
	b.Trying = b.Trying && !trial
	return b
}

// Ours says that an error of opening a connection is this machine's, not the server's.
func Ours(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.ENOMEM)
}
