package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// content is some bytes of which no two pieces are alike.
func content(size int) []byte {
	b := make([]byte, 0, size+sha256.Size)
	sum := sha256.Sum256(nil)
	for len(b) < size {
		sum = sha256.Sum256(sum[:])
		b = append(b, sum[:]...)
	}
	return b[:size]
}

// pumped is a pump with so many sinks.
func pumped(n int) *pump {
	p := &pump{slow: func(*sink) {}}
	for range n {
		p.sinks = append(p.sinks, newSink())
	}
	return p
}

// A gate lets bytes through while it is open, and counts them.
type gate struct {
	bytes.Buffer
	open chan struct{}
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(b)
}

// A tap counts what is read of it.
type tap struct {
	io.Reader
	n atomic.Int64
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func TestEveryServerGetsAllOfAnUploadAtTheSlowestOnesPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := content(3*pieces*pieceSize + 1)
		from, p := &tap{Reader: iotest.HalfReader(bytes.NewReader(all))}, pumped(3)
		slow := &gate{open: make(chan struct{})}
		var fast, small bytes.Buffer
		go p.sinks[0].WriteTo(&fast)
		go p.sinks[1].WriteTo(slow)
		go io.Copy(&small, struct{ io.Reader }{iotest.OneByteReader(io.LimitReader(p.sinks[2], 1000))})
		ended := make(chan error, 1)
		go func() { ended <- p.run(t.Context(), from) }()
		synctest.Wait()
		if n := from.n.Load(); n != pieces*pieceSize {
			t.Errorf("%d bytes are read while one server takes nothing; the window is %d", n, pieces*pieceSize)
		}
		if fast.Len() != pieces*pieceSize || small.Len() != 1000 {
			t.Errorf("the others have %d and %d", fast.Len(), small.Len())
		}
		close(slow.open)
		go io.Copy(&small, struct{ io.Reader }{p.sinks[2]})
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for i, got := range [][]byte{fast.Bytes(), slow.Bytes(), small.Bytes()} {
			if !bytes.Equal(got, all) {
				t.Errorf("server %d got %d bytes, and not the same ones", i, len(got))
			}
		}
	})
}

func TestAServerThatIsGivenUpHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := content(4 * pieces * pieceSize)
		p := pumped(3)
		stuck := &gate{open: make(chan struct{})}
		var fast bytes.Buffer
		go p.sinks[0].WriteTo(&fast)
		left := make(chan error, 1)
		go func() { _, err := p.sinks[1].WriteTo(stuck); left <- err }() // of the third nobody reads
		ended := make(chan error, 1)
		go func() { ended <- p.run(t.Context(), bytes.NewReader(all)) }()
		synctest.Wait()
		for _, s := range p.sinks[1:] {
			s.Close()
			s.Close()
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		close(stuck.open)
		if err := <-left; !errors.Is(err, errLeft) {
			t.Errorf("who was given up goes on: %v", err)
		}
		if got := stuck.Bytes(); !bytes.Equal(got, all[:len(got)]) {
			t.Error("what it was taking was written over")
		}
		if !bytes.Equal(fast.Bytes(), all) {
			t.Errorf("the first got %d bytes of %d", fast.Len(), len(all))
		}
	})
}

func TestAnUploadThatBreaksOffEndsForNobodyAsIfItWereWhole(t *testing.T) {
	broken := errors.New("the client has left")
	for name, from := range map[string]io.Reader{
		"after some":  io.MultiReader(bytes.NewReader(content(pieceSize+7)), iotest.ErrReader(broken)),
		"at once":     iotest.ErrReader(broken),
		"with a byte": iotest.DataErrReader(io.MultiReader(bytes.NewReader(content(7)), iotest.ErrReader(broken))),
	} {
		t.Run(name, func(t *testing.T) {
			p := pumped(2)
			got := make(chan error, 2)
			go func() { _, err := p.sinks[0].WriteTo(io.Discard); got <- err }()
			go func() { _, err := io.ReadAll(struct{ io.Reader }{p.sinks[1]}); got <- err }()
			if err := p.run(t.Context(), from); !errors.Is(err, broken) {
				t.Error(err)
			}
			for range 2 {
				if err := <-got; !errors.Is(err, broken) {
					t.Errorf("a server is told %v", err)
				}
			}
		})
	}
}

func TestAnUploadThatNobodyWantsIsReadNoFurther(t *testing.T) {
	p, from := pumped(2), &tap{Reader: bytes.NewReader(content(pieceSize))}
	for _, s := range p.sinks {
		s.Close()
	}
	if err := p.run(t.Context(), from); err != nil || from.n.Load() > 0 {
		t.Errorf("%d bytes, %v", from.n.Load(), err)
	}
}

func TestAServerThatTakesNothingIsGivenUpInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, from := pumped(2), time.Now()
		var took time.Duration
		p.slow = func(s *sink) {
			took = time.Since(from)
			if s != p.sinks[1] {
				t.Error("another one was given up")
			}
			s.Close()
		}
		go p.sinks[0].WriteTo(io.Discard)
		go p.watch(t.Context())
		if err := p.run(t.Context(), bytes.NewReader(content(3*pieces*pieceSize))); err != nil {
			t.Error(err)
		}
		if took < longestStall || took > longestStall+2*sinkLooked {
			t.Errorf("after %v", took)
		}
	})
}

// A client that rests is no reason to give a server up, and a context that ends is one to stop.
func TestAClientThatRestsHoldsNoServerToBlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pumped(1)
		p.slow = func(*sink) { t.Error("a server was given up") }
		go p.watch(t.Context())
		go p.sinks[0].WriteTo(io.Discard)
		rest, send := io.Pipe()
		go func() {
			time.Sleep(10 * longestStall)
			send.Write(content(10))
			send.Close()
		}()
		if err := p.run(t.Context(), rest); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := pumped(1).run(ctx, bytes.NewReader(content(2*pieces*pieceSize))); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
