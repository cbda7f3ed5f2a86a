package main

import (
	"context"
	"fmt"
)

// smallConnections is how many clients ask at the same time.
const smallConnections = 16

// small measures requests whose cost is all in their number.
func (r *runner) small(ctx context.Context) ([]measure, error) {
	title := fmt.Sprintf("small requests: %d bytes in, %d out, %d connections", len(question), len(smallAnswer), smallConnections)
	rows := []measure{
		{key: "small", Case: title, Name: "requests/s"},
		{key: "small", Case: title, Name: "CPU a request", Unit: "µs", Wanted: ofPlain(0.7)},
	}
	return r.interleave(ctx, rows, func(ctx context.Context, w way) ([]float64, error) {
		o, err := w.repeat(ctx, smallConnections, r.smallFor, request(w.to, "", []byte(question)))
		return []float64{o.answers / o.took, o.cpu * 1e6 / o.answers}, err
	})
}
