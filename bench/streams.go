package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// talk measures many streams that speak at the same time, each slowly.
func (r *runner) talk(ctx context.Context) ([]measure, error) {
	title := fmt.Sprintf("%d streams at the same time, a record of 130 bytes every %v on each", possible(r.talking), recordPace)
	rows := []measure{
		{key: "streams", Case: title, Name: "records/s"},
		{key: "streams", Case: title, Name: "a record's journey", Unit: "µs"},
		{key: "streams", Case: title, Name: "CPU a record", Unit: "µs", Wanted: ofPlain(1)},
	}
	return r.interleave(ctx, rows, r.talkOnce)
}

// possible is n, or as many streams as a proxy may have open: each takes two of its connections.
func possible(n int) int {
	const others = 100
	files := openFiles()
	return int(min(uint64(n), (files-min(files, others))/2)) // #nosec G115 -- a number of files
}

// talkOnce watches streams that are under way: neither their beginning nor their end counts.
func (r *runner) talkOnce(ctx context.Context, w way) ([]float64, error) {
	s, err := w.openStreams(ctx, possible(r.talking), wishTalk)
	if err != nil {
		return nil, err
	}
	defer s.end()
	waitFor(ctx, 2*recordPace) // all have found their pace
	var took time.Duration
	cpu, err := w.costs(ctx, func() error {
		from := time.Now()
		s.counting.Store(true)
		waitFor(ctx, r.streamsFor)
		s.counting.Store(false)
		took = time.Since(from)
		return nil
	})
	if err = errors.Join(err, s.end()); err != nil {
		return nil, err
	}
	n := float64(len(s.delays))
	return []float64{n / took.Seconds(), s.delay(), cpu * 1e6 / n}, nil
}

// Streams are answers that are being read.
type streams struct {
	counting atomic.Bool
	ending   atomic.Bool
	hangUp   func()
	over     chan error

	mu     sync.Mutex
	delays []time.Duration // of the records that came while counting
}

// openStreams opens n streams and returns when each has had its first record.
func (w way) openStreams(ctx context.Context, n int, wish string) (*streams, error) {
	all, hangUp, err := w.dial(ctx, n)
	if err != nil {
		return nil, err
	}
	s := &streams{hangUp: hangUp, over: make(chan error, 1)}
	ask := request(w.to, wish, []byte(questionStream))
	begun := make(chan struct{}, n)
	go func() {
		s.over <- together(all, func(c *client) error {
			err := s.read(c, ask, begun)
			if s.ending.Load() {
				return nil // it broke because we hung up
			}
			return err
		})
	}()
	late := time.After(mostTime)
	for range n {
		select {
		case <-begun:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), s.end())
		case <-late:
			return nil, errors.Join(errors.New("a stream did not begin"), s.end())
		}
	}
	return s, nil
}

// end hangs up and returns what went wrong before. Only the first call does anything.
func (s *streams) end() error {
	if s.ending.Swap(true) {
		return nil
	}
	var early error
	select {
	case early = <-s.over:
		s.hangUp()
		return errors.Join(errors.New("all streams ended by themselves"), early)
	default:
	}
	s.hangUp()
	return <-s.over
}

// read takes in one stream, record by record, until its connection is closed.
func (s *streams) read(c *client, ask []byte, begun chan<- struct{}) error {
	var delays []time.Duration
	defer func() {
		s.mu.Lock()
		s.delays = append(s.delays, delays...)
		s.mu.Unlock()
	}()
	res, err := c.ask(ask)
	if err != nil {
		begun <- struct{}{} // it will not, and the error is kept
		return err
	}
	in := bufio.NewReaderSize(res.Body, 1024)
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first {
			begun <- struct{}{}
		}
		if !s.counting.Load() {
			continue
		}
		d, err := journey(line)
		if err != nil {
			return err
		}
		delays = append(delays, d)
	}
}

// journey is how long ago the server wrote a record.
func journey(line []byte) (time.Duration, error) {
	rest, ok := bytes.CutPrefix(line, []byte(recordStart))
	at, _, found := bytes.Cut(rest, []byte{'"'})
	written, err := time.Parse(time.RFC3339Nano, string(at))
	if !ok || !found || err != nil {
		return 0, fmt.Errorf("a record has changed on its way: %q", line)
	}
	return time.Since(written), nil
}

// delay is the median of the records' journeys, in microseconds.
func (s *streams) delay() float64 {
	if len(s.delays) == 0 {
		return math.NaN()
	}
	slices.Sort(s.delays)
	return float64(s.delays[len(s.delays)/2].Nanoseconds()) / 1e3
}
