package app

import (
	"context"
	"sync"

	"gollamas/internal/fleet"
)

// A Sync compares servers with the configuration, and has them pull what they lack. It deletes nothing.
type Sync struct {
	app     *App
	ctx     context.Context // ends when the comparing does
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Sync looks at each server, and goes on watching them until ctx ends or Close is called, which must be: then what is being
// pulled ends too. It is not for an App that runs, nor for one that has done it before.
func (a *App) Sync(ctx context.Context) *Sync {
	s := &Sync{app: a}
	s.ctx, s.stop = context.WithCancel(ctx)
	s.running.Go(func() { fleet.Watch(s.ctx, a.settings().connections) })
	s.running.Go(func() { a.changes.Run(s.ctx) })
	fleet.FirstLook(s.ctx, a.settings().connections, longestLook)
	return s
}

// Close ends it, and waits until everything it started has stopped.
func (s *Sync) Close() {
	s.stop()
	s.running.Wait()
}
