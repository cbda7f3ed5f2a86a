package app

import (
	"context"
	"sync"

	"gollamas/internal/admin"
	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/keys"
	"gollamas/internal/shared"
)

// newCounts makes what replicas count together, nil where each counts for itself. It lives as long as the process.
func (a *App) newCounts(cfg config.Config) (*shared.Counts, error) {
	if cfg.Shared == "" {
		return nil, nil
	}
	return shared.New(shared.Options{
		URL: cfg.Shared, Replica: a.via, Log: a.log, Changed: a.desk.Dispatch, Bound: a.world.patience,
		Servers: func() (out []*fleet.Server) {
			for _, c := range a.settings().connections {
				out = append(out, c.Servers()...)
			}
			return out
		},
	})
}

// together is what keys count in, nil where there is nothing.
func together(c *shared.Counts) keys.Counts {
	if c == nil {
		return nil
	}
	return c
}

// share lets the replicas know of each other until end is called: last of all, so that what the last answers took is told.
func (a *App) share(wg *sync.WaitGroup) (end func()) {
	ctx, end := context.WithCancel(context.Background())
	if a.shared != nil {
		wg.Go(func() { a.shared.Run(ctx) })
	}
	return end
}

// sharing is how the replicas stand, as metrics show it; nil where there is nothing to show.
func (a *App) sharing() func() (up bool, failures int64) {
	if a.shared == nil {
		return nil
	}
	return func() (bool, int64) {
		s := a.shared.Status()
		return s.Up, s.Failures
	}
}

// replicas is how the replicas stand, as the operator sees it; nil where each counts for itself.
func (a *App) replicas() *admin.Shared {
	if a.shared == nil {
		return nil
	}
	s := a.shared.Status()
	return &admin.Shared{Up: s.Up, Replicas: s.Replicas}
}
