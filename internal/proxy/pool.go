package proxy

import (
	"context"
	"sync"
	"time"

	"gollamas/internal/fleet"
)

// A pool is a server's connections that are not in use. Nothing caps those
// that are: a capped router holds its clients in silence.
type pool struct {
	server *fleet.Server
	mu     sync.Mutex
	idle   []*conn // the last used at the end
	closed bool
}

// get returns an idle connection that is alive, or a new one; fresh = a new one in any case.
func (p *pool) get(ctx context.Context, fresh bool) (*conn, error) {
	for !fresh {
		c := p.take()
		if c == nil {
			break
		}
		if c.alive() {
			return c, nil
		}
		_ = c.Close()
	}
	raw, err := p.server.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: raw, in: newInbox(raw), tcp: beneath(raw)}, nil
}

func (p *pool) take() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return c
}

// put keeps a connection whose answer was read to its end.
func (p *pool) put(c *conn) {
	if c.in.buffered() > 0 { // bytes nobody asked for
		_ = c.Close()
		return
	}
	c.in.patience.end()
	c.in.shrink()
	if cap(c.out) > largeBuffer {
		c.out = nil
	}
	c.used, c.parked = true, time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.server.Left() {
		defer c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

// sweep closes what was parked before the time given, and where last is set
// everything that will be parked from now on.
func (p *pool) sweep(before time.Time, last bool) {
	p.mu.Lock()
	p.closed = p.closed || last
	last = last || p.server.Left()
	n := 0
	for n < len(p.idle) && (last || p.idle[n].parked.Before(before)) {
		n++
	}
	old := p.idle[:n]
	p.idle = append([]*conn(nil), p.idle[n:]...)
	p.mu.Unlock()
	for _, c := range old {
		_ = c.Close()
	}
}
