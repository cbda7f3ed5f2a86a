package main

import (
	"context"
	"fmt"
	"time"
)

// settled is how long buffers may take to be given back once all is quiet.
const settled = 200 * time.Millisecond

// idle measures what a stream takes that has begun and waits, as while a model thinks.
func (r *runner) idle(ctx context.Context) ([]measure, error) {
	n := possible(r.waiting)
	title := fmt.Sprintf("%d streams that have had one record and wait", n)
	rows := []measure{
		{key: "memory", Case: title, Name: "resident memory a stream", Unit: "KiB", Wanted: below(48, "KiB")},
		{key: "memory", Case: title, Name: "heap and stacks, by Go", Unit: "KiB"},
	}
	return r.afresh(ctx, rows, func(ctx context.Context, w way) ([]float64, error) {
		before, err := w.by.usage(ctx, "memory")
		if err != nil {
			return nil, err
		}
		s, err := w.openStreams(ctx, n, wishWait)
		if err != nil {
			return nil, err
		}
		defer s.end()
		waitFor(ctx, settled)
		after, err := w.by.usage(ctx, "memory")
		if err != nil {
			return nil, err
		}
		if err := r.keepHeap(ctx, w); err != nil {
			return nil, err
		}
		each := func(now, then int64) float64 { return float64(now-then) / 1024 / float64(n) }
		return []float64{each(after.Resident, before.Resident), each(after.Inside, before.Inside)}, s.end()
	})
}

// whole measures how often a body that is read before it is sent on is held at the same time.
func (r *runner) whole(ctx context.Context) ([]measure, error) {
	title := fmt.Sprintf("one request of %d MiB", r.largest>>20)
	rows := []measure{{key: "whole", Case: title, Name: "peak memory in bodies", Unit: "x", Wanted: atMost(1.25, "about 1 x")}}
	body := pictured(modelFirst, r.largest)
	return r.afresh(ctx, rows, func(ctx context.Context, w way) ([]float64, error) {
		before, err := w.by.usage(ctx, "memory")
		if err != nil {
			return nil, err
		}
		all, end, err := w.dial(ctx, 1)
		if err != nil {
			return nil, err
		}
		defer end()
		if _, err := all[0].whole(request(w.to, "", body)); err != nil {
			return nil, err
		}
		after, err := w.by.usage(ctx, "memory")
		return []float64{float64(after.Peak-before.Resident) / float64(len(body))}, err
	})
}
