package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A client is one connection to a way. It is leaner than net/http's, whose work
// would take the machine from what is measured.
type client struct {
	net.Conn
	in *bufio.Reader
}

// mostTime bounds whatever is done on one connection.
const mostTime = 30 * time.Second

// post is what http.ReadResponse needs to know of the request.
var post = &http.Request{Method: http.MethodPost}

// dial opens n connections to the way.
func (w way) dial(ctx context.Context, n int) (all []*client, end func(), err error) {
	end = func() {
		for _, c := range all {
			_ = c.Close()
		}
	}
	for range n {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", w.to)
		if err != nil {
			end()
			return nil, nil, err
		}
		all = append(all, &client{conn, bufio.NewReader(conn)})
		if err := conn.SetDeadline(time.Now().Add(mostTime)); err != nil {
			end()
			return nil, nil, err
		}
	}
	return all, end, nil
}

// ask sends a request and returns the answer's head; its body is still to be read.
func (c *client) ask(request []byte) (*http.Response, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.in, post)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1000)) // only to say more of the status
		return nil, fmt.Errorf("the answer is %s: %s", res.Status, strings.TrimSpace(string(text)))
	}
	return res, nil
}

// whole sends a request and reads the answer to its end.
func (c *client) whole(request []byte) (int64, error) {
	res, err := c.ask(request)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, res.Body)
}

// together runs f for each client at the same time. Of several errors it
// returns one: they are alike, and there may be a thousand.
func together(all []*client, f func(*client) error) error {
	var wg sync.WaitGroup
	failed := make([]error, len(all))
	for i, c := range all {
		wg.Go(func() { failed[i] = f(c) })
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// warm asks something small on a few connections: what is done only once is done then.
func (w way) warm(ctx context.Context) error {
	all, end, err := w.dial(ctx, 8)
	if err != nil {
		return err
	}
	defer end()
	return w.ready(all)
}

func (w way) ready(all []*client) error {
	small := request(w.to, "", []byte(question))
	return together(all, func(c *client) error {
		_, err := c.whole(small)
		return err
	})
}

// An outcome is what a round of questions gave.
type outcome struct {
	answers float64
	bytes   float64 // of the answers' bodies
	took    float64 // seconds
	cpu     float64 // seconds of the way's process, NaN where not known
}

// repeat asks on n connections, again and again for a time, each question when the one before is answered.
func (w way) repeat(ctx context.Context, n int, d time.Duration, request []byte) (o outcome, err error) {
	all, end, err := w.dial(ctx, n)
	if err != nil {
		return o, err
	}
	defer end()
	if err := w.ready(all); err != nil {
		return o, err
	}
	var answers, bytes atomic.Int64
	o.cpu, err = w.costs(ctx, func() error {
		from := time.Now()
		failed := together(all, func(c *client) error {
			for ctx.Err() == nil && time.Since(from) < d {
				got, err := c.whole(request)
				if err != nil {
					return err
				}
				answers.Add(1)
				bytes.Add(got)
			}
			return nil
		})
		o.took = time.Since(from).Seconds()
		return failed
	})
	o.answers, o.bytes = float64(answers.Load()), float64(bytes.Load())
	return o, err
}
