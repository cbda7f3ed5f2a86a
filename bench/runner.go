package main

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// The three ways to the server, in the order in which they take turns.
const (
	plain = iota
	gollamas
	direct
	wayCount
)

var wayNames = [wayCount]string{"plain", "gollamas", "direct"}

// A way is how a request gets to the server.
type way struct {
	name string
	to   string   // the address that is asked
	by   *process // whose CPU and memory that costs, nil = nobody's
}

// A runner has the server and the proxies that run through all cases.
type runner struct {
	plan
	server *process
	ways   [wayCount]way
}

func newRunner(ctx context.Context, p plan) (*runner, error) {
	r := &runner{plan: p}
	var err error
	if r.server, err = start(ctx, roleServer, ""); err != nil {
		return nil, err
	}
	for i := range r.ways {
		if r.ways[i], err = r.fresh(ctx, i); err != nil {
			r.stop()
			return nil, err
		}
	}
	return r, nil
}

// fresh starts a new process for a way, ready to carry requests.
func (r *runner) fresh(ctx context.Context, i int) (way, error) {
	if i == direct {
		return way{name: wayNames[i], to: r.server.Address}, nil
	}
	p, err := start(ctx, wayNames[i], "http://"+r.server.Address)
	if err != nil {
		return way{}, err
	}
	w := way{wayNames[i], p.Address, p}
	if err := w.warm(ctx); err != nil {
		p.stop()
		return way{}, fmt.Errorf("%s does not work: %w", w.name, err)
	}
	return w, nil
}

func (r *runner) stop() {
	for _, w := range r.ways {
		if w.by != nil {
			w.by.stop()
		}
	}
	r.server.stop()
}

// A round measures one way once: a value for each row, NaN where there is none.
type round func(context.Context, way) ([]float64, error)

// interleave lets the ways take turns. What else the machine does comes and
// goes within seconds, and so falls on all three.
func (r *runner) interleave(ctx context.Context, rows []measure, run round) ([]measure, error) {
	for range r.rounds {
		for i, w := range r.ways {
			values, err := run(ctx, w)
			if err != nil {
				return nil, fmt.Errorf("%s, by %s: %w", rows[0].Case, w.name, err)
			}
			note(rows, i, values)
		}
	}
	if r.profiles == "" {
		return rows, nil
	}
	return rows, r.profile(ctx, rows[0].key, run)
}

// afresh is interleave with new processes for each round: memory that was once
// taken, for goroutines above all, is never quite given back.
func (r *runner) afresh(ctx context.Context, rows []measure, run round) ([]measure, error) {
	for range min(r.rounds, r.freshRounds) {
		for i := range direct { // nobody's memory is in direct's way
			w, err := r.fresh(ctx, i)
			if err != nil {
				return nil, err
			}
			values, err := run(ctx, w)
			w.by.stop()
			if err != nil {
				return nil, fmt.Errorf("%s, by %s: %w", rows[0].Case, w.name, err)
			}
			note(rows, i, values)
		}
	}
	return rows, nil
}

func note(rows []measure, way int, values []float64) {
	for n, v := range values {
		if !math.IsNaN(v) {
			rows[n].Seen[way] = append(rows[n].Seen[way], v)
		}
	}
}

// cpu is the CPU time of the way's process so far in seconds, NaN where there is none to tell.
func (w way) cpu(ctx context.Context) (float64, error) {
	if w.by == nil {
		return math.NaN(), nil
	}
	used, err := w.by.usage(ctx, "cpu")
	switch {
	case err != nil:
		return 0, err
	case !used.CPUKnown:
		return math.NaN(), nil
	}
	return used.CPU.Seconds(), nil
}

// costs is what the way's process spends while run runs, in seconds.
func (w way) costs(ctx context.Context, run func() error) (float64, error) {
	before, err := w.cpu(ctx)
	if err != nil {
		return 0, err
	}
	failed := run()
	after, err := w.cpu(ctx)
	return after - before, errors.Join(failed, err)
}
