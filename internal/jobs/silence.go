package jobs

import (
	"context"
	"sync"
	"time"

	"gollamas/internal/fleet"
)

// Bounds of what a server may keep to itself. One that hashes what it has got says nothing for minutes, one that converts a large
// model for longer; one that is gone without a word is given up sooner.
const (
	longestHush   = 2 * time.Hour
	hushOfTheLost = time.Minute
	hushLooked    = 5 * time.Second // how often that is looked at
)

// A silence is what a server has not done for how long.
type silence struct {
	did    string
	lasted time.Duration
}

func (s *silence) Error() string {
	return "it has " + s.did + " nothing for " + s.lasted.Round(time.Second).String()
}

// hearing is a context that ends, with a silence for its cause, where nothing is heard of a server for too long. end
// must be called.
func hearing(ctx context.Context, s *fleet.Server, heard <-chan struct{}) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { hush(ctx, cancel, s, heard) })
	return ctx, func() {
		cancel(nil)
		wg.Wait()
	}
}

// hush gives up a server that has said nothing for too long, until ctx ends.
func hush(ctx context.Context, cancel context.CancelCauseFunc, s *fleet.Server, heard <-chan struct{}) {
	last := time.Now()
	tick := time.NewTicker(hushLooked)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-heard:
			last = time.Now()
		case <-tick.C:
			quiet := time.Since(last)
			if quiet >= longestHush || quiet >= hushOfTheLost && s.State().Lost() {
				cancel(&silence{"said", quiet})
				return
			}
		}
	}
}
