package jobs

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A window is the part of an upload that has been read and that not every server has taken yet: the slowest sets the pace.
const (
	pieceSize = 256 << 10
	pieces    = 16
)

// A piece is some bytes on their way to several sinks.
type piece struct {
	bytes []byte
	left  atomic.Int32 // how many have not taken it yet
	home  chan<- []byte
}

// taken gives the bytes' room back once everybody has them.
func (p *piece) taken() {
	if p.left.Add(-1) == 0 {
		p.home <- p.bytes[:cap(p.bytes)] // there is room for all there are
	}
}

// A sink is one server's end of an upload: the body of the request to it.
type sink struct {
	queue chan *piece   // has room for all there are
	gone  chan struct{} // closed when it takes no more
	moved atomic.Int64  // when it last took something, in nanoseconds
	heard chan struct{} // sent something whenever it does

	mu     sync.Mutex
	closed bool
	now    *piece // being taken
	at     int    // how far
	busy   bool   // somebody looks at its bytes
	failed error  // from's own, once the queue is empty
}

func newSink() *sink {
	s := &sink{queue: make(chan *piece, pieces), gone: make(chan struct{}), heard: make(chan struct{}, 1)}
	s.move()
	return s
}

// move notes that the server takes something.
func (s *sink) move() {
	s.moved.Store(time.Now().UnixNano())
	select {
	case s.heard <- struct{}{}:
	default:
	}
}

// errLeft is what a sink says that takes no more.
var errLeft = errors.New("the upload has ended")

// Read waits for the next piece, and copies of it as much as there is room for.
func (s *sink) Read(b []byte) (int, error) {
	some, err := s.next(len(b))
	n := copy(b, some)
	s.passed(n)
	return n, err
}

// portion is how much is written at once, at most. A server that takes less than that within longestStall is given up.
const portion = pieceSize

// WriteTo writes pieces as they come, from where they lie: net/http asks for it where the length is not said, and would
// copy everything once more for each server.
func (s *sink) WriteTo(w io.Writer) (all int64, err error) {
	for {
		some, err := s.next(portion)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		n, err := w.Write(some)
		s.passed(n)
		if all += int64(n); err != nil {
			return all, err
		}
	}
}

// next waits for bytes of the present piece, or the next, at most so many. They stay as they are until passed is called.
func (s *sink) next(most int) ([]byte, error) {
	s.move()
	s.mu.Lock()
	none := s.now == nil && !s.closed
	s.mu.Unlock()
	if none {
		select {
		case p, more := <-s.queue:
			if !more {
				return nil, s.end()
			}
			s.mu.Lock()
			s.now, s.at = p, 0
			s.mu.Unlock()
			s.move()
		case <-s.gone:
			return nil, errLeft
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.drop()
		return nil, errLeft
	}
	s.busy = true
	return s.now.bytes[s.at:min(s.at+most, len(s.now.bytes))], nil
}

// passed says that so many of the bytes that next gave are taken, and that nobody looks at the others any more.
func (s *sink) passed(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if s.now == nil {
		return
	}
	if s.at += n; s.closed || s.at == len(s.now.bytes) {
		s.drop()
	}
}

func (s *sink) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	return io.EOF
}

// drop lets the present piece go. The lock is held.
func (s *sink) drop() {
	if s.now != nil {
		s.now.taken()
		s.now = nil
	}
}

// put gives the sink a piece, and says whether it takes it.
func (s *sink) put(p *piece) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.queue <- p
	return true
}

// finish says that nothing more comes: because of err, nil = because that was all.
func (s *sink) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.failed = err
		close(s.queue)
	}
}

// Close has the sink take no more. It may be called while Read is under way, and again.
func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.busy { // else it is passed soon, for the connection ends
		s.drop()
	}
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.gone)
	for {
		select {
		case p, more := <-s.queue:
			if !more {
				return nil
			}
			p.taken()
		default:
			return nil
		}
	}
}

// waits says whether the sink has had something to take for so long, and took nothing.
func (s *sink) waits(most time.Duration) bool {
	s.mu.Lock()
	behind := !s.closed && (s.now != nil || len(s.queue) > 0)
	s.mu.Unlock()
	return behind && time.Since(time.Unix(0, s.moved.Load())) >= most
}

// A pump reads once for several sinks.
type pump struct {
	sinks []*sink
	room  chan []byte
	open  atomic.Int64 // sinks that still take something
	whole atomic.Bool  // all has been read
	slow  func(*sink)  // has a sink closed that has taken nothing for longestStall
}

// longestStall is how long a server may hold up the others; sinkLooked is how often that is looked at.
const (
	longestStall = 2 * time.Minute
	sinkLooked   = 5 * time.Second
)

// run reads from to its end and gives every sink all of it. The error is from's, or the context's: then the sinks'
// requests break off. It ends early where no sink is left.
func (p *pump) run(ctx context.Context, from io.Reader) error {
	p.room = make(chan []byte, pieces)
	made := 0
	for {
		b, err := p.buffer(ctx, &made)
		if err != nil || b == nil {
			p.finish(err)
			return err
		}
		n, err := fill(b, from)
		if n > 0 {
			p.give(b[:n])
		} else {
			p.room <- b
		}
		switch {
		case err == io.EOF:
			p.whole.Store(true) // before any server can have answered to that
			p.finish(nil)
			return nil
		case err != nil:
			p.finish(err)
			return err
		}
	}
}

// fill reads until b is full: clients send in small chunks, and the window is a number of pieces.
func fill(b []byte, from io.Reader) (n int, err error) {
	for n < len(b) && err == nil {
		var some int
		some, err = from.Read(b[n:])
		n += some
	}
	return n, err
}

// watch gives up servers that hold up the others, or the end, until ctx ends.
func (p *pump) watch(ctx context.Context) {
	look := time.NewTicker(sinkLooked)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		for _, s := range p.sinks {
			if s.waits(longestStall) {
				p.slow(s)
			}
		}
	}
}

// buffer waits for room to read into, nil = nobody wants more.
func (p *pump) buffer(ctx context.Context, made *int) ([]byte, error) {
	for p.wanted() {
		select {
		case b := <-p.room:
			return b, nil
		default:
		}
		if *made < pieces {
			*made++
			return make([]byte, pieceSize), nil
		}
		select {
		case b := <-p.room:
			return b, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, nil
}

// wanted says whether any sink still takes something.
func (p *pump) wanted() bool {
	for _, s := range p.sinks {
		select {
		case <-s.gone:
		default:
			return true
		}
	}
	return false
}

// give hands a piece to every sink.
func (p *pump) give(b []byte) {
	now := &piece{bytes: b, home: p.room}
	now.left.Store(int32(len(p.sinks)) + 1) // #nosec G115 -- a number of servers
	for _, s := range p.sinks {
		if !s.put(now) {
			now.taken()
		}
	}
	now.taken()
}

func (p *pump) finish(err error) {
	for _, s := range p.sinks {
		s.finish(err)
	}
}
