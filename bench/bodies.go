package main

import (
	"context"
	"fmt"
)

// bodyConnections is few, as clients with pictures are.
const bodyConnections = 4

// mebibyte is what large bodies are counted in.
const mebibyte = 1 << 20

// bodies measures requests and answers whose cost is all in their bytes.
func (r *runner) bodies(ctx context.Context) ([]measure, error) {
	size := r.picture >> 20
	first := fmt.Sprintf("requests of %d MiB, %d connections: the model's name before the picture", size, bodyConnections)
	last := fmt.Sprintf("requests of %d MiB: the model's name behind the picture", size)
	answers := fmt.Sprintf("answers of %d MiB, %d connections", size, bodyConnections)
	var all []measure
	for _, c := range []struct {
		key, title, wish string
		body             []byte
	}{
		{"picture", first, "", pictured(modelFirst, r.picture)},
		{"behind", last, "", pictured(modelLast, r.picture)},
		{"answer", answers, fmt.Sprint(wishLength, " ", r.picture), []byte(question)},
	} {
		rows := []measure{
			{key: c.key, Case: c.title, Name: "MiB/s", Unit: ""},
			{key: c.key, Case: c.title, Name: "CPU a MiB", Unit: "µs"},
		}
		rows, err := r.interleave(ctx, rows, r.bulk(c.wish, c.body))
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// bulk is a round that counts bytes of both directions.
func (r *runner) bulk(wish string, body []byte) round {
	return func(ctx context.Context, w way) ([]float64, error) {
		o, err := w.repeat(ctx, bodyConnections, r.bodiesFor, request(w.to, wish, body))
		amount := (o.bytes + o.answers*float64(len(body))) / mebibyte
		return []float64{amount / o.took, o.cpu * 1e6 / amount}, err
	}
}
