package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// profileSeconds is how long a case runs for its profiles.
const profileSeconds = 5

// profile runs gollamas through a long round of a case, which does not count,
// and keeps where its CPU time and its allocations came from.
func (r *runner) profile(ctx context.Context, key string, run round) error {
	measured := r.plan
	defer func() { r.plan = measured }()
	const long = profileSeconds * time.Second
	r.smallFor, r.streamsFor, r.bodiesFor = long, long, long
	over := make(chan error, 2)
	for _, kind := range []string{"profile", "allocs"} {
		go func() {
			body, err := r.ways[gollamas].by.ask(ctx, fmt.Sprintf("%s?seconds=%d", kind, profileSeconds))
			over <- errors.Join(err, r.keep(key+"."+kind, body))
		}()
	}
	for done := 0; done < cap(over); {
		if _, err := run(ctx, r.ways[gollamas]); err != nil {
			return err
		}
		for more := true; more; {
			select {
			case err := <-over:
				if done++; err != nil {
					return err
				}
			default:
				more = false
			}
		}
	}
	return nil
}

// keepHeap keeps what gollamas holds while streams wait.
func (r *runner) keepHeap(ctx context.Context, w way) error {
	if r.profiles == "" || w.name != wayNames[gollamas] {
		return nil
	}
	body, err := w.by.ask(ctx, "heap")
	return errors.Join(err, r.keep("memory.heap", body))
}

func (r *runner) keep(name string, body []byte) error {
	if err := os.MkdirAll(r.profiles, 0o755); err != nil { // #nosec G301 G703 -- who measures names it
		return err
	}
	return os.WriteFile(filepath.Join(r.profiles, name), body, 0o644) // #nosec G306 G703 -- who measures names it
}
