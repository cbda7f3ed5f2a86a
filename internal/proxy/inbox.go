package proxy

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
)

// smallBuffer holds a head or a record; what waits on an idle stream is no
// more than this. largeBuffer is borrowed while bytes come faster than it can be emptied.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
	maxHead     = 256 << 10
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

var errHeadTooLarge = errors.New("the header of its answer is larger than 256 KiB")

// An inbox is what has arrived from a server and is not yet read. It differs from
// bufio.Reader in that it gives out what it holds without copying, and grows only while that helps.
type inbox struct {
	from     io.Reader
	buf      []byte
	pos, end int
	small    []byte
	large    *[largeBuffer]byte
	got      uint64 // pieces of bodies that it gave out: heads and framing are no progress
	patience patience
}

func newInbox(from io.Reader) *inbox {
	small := make([]byte, smallBuffer)
	return &inbox{from: from, buf: small, small: small}
}

func (in *inbox) buffered() int { return in.end - in.pos }

// next returns what is there, at most n bytes, and waits only where nothing is.
// The bytes are good until the next call.
func (in *inbox) next(n int64) ([]byte, error) {
	if in.pos == in.end {
		if err := in.refill(); err != nil {
			return nil, err
		}
	}
	p := in.buf[in.pos:in.end]
	if int64(len(p)) > n {
		p = p[:n]
	}
	in.pos += len(p)
	return p, nil
}

// refill reads into an empty inbox, in the size that suits what came before.
func (in *inbox) refill() error {
	switch {
	case in.end == len(in.buf) && len(in.buf) == smallBuffer:
		in.large = largeBuffers.Get().(*[largeBuffer]byte)
		in.buf = in.large[:]
	case in.end < smallBuffer && len(in.buf) > smallBuffer:
		in.shrink()
	}
	in.pos, in.end = 0, 0
	n, err := in.read(in.buf)
	in.end = n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// read waits for bytes as long as patience lasts.
func (in *inbox) read(b []byte) (int, error) {
	for {
		n, err := in.from.Read(b)
		if n > 0 {
			return n, err
		}
		if in.patience.turn == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err := in.patience.more(in.got); err != nil {
			return 0, err
		}
	}
}

// shrink gives the large buffer back; nothing may be in it.
func (in *inbox) shrink() {
	if in.large != nil {
		largeBuffers.Put(in.large)
		in.large = nil
	}
	in.buf, in.pos, in.end = in.small, 0, 0
}

// more reads behind what is there, making room as far as most bytes.
func (in *inbox) more(most int) error {
	if in.pos > 0 {
		in.end = copy(in.buf, in.buf[in.pos:in.end])
		in.pos = 0
	}
	if in.end == len(in.buf) {
		if len(in.buf) >= most {
			return errHeadTooLarge
		}
		in.buf = append(in.buf, make([]byte, len(in.buf))...)
	}
	n, err := in.read(in.buf[in.end:])
	in.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// line returns the next line of a chunked body's framing without its end, waiting
// for it. A line that ends in \n alone is an error: parsers differ over what it means.
func (in *inbox) line(most int) ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(in.buf[in.pos+seen:in.end], '\n'); i >= 0 {
			line := in.buf[in.pos : in.pos+seen+i]
			in.pos += seen + i + 1
			line, ok := bytes.CutSuffix(line, []byte("\r"))
			if !ok || bytes.IndexByte(line, '\r') >= 0 {
				return nil, errBadChunk
			}
			return line, nil
		}
		seen = in.buffered()
		if seen > most {
			return nil, errBadChunk
		}
		if err := in.more(max(most, smallBuffer) + smallBuffer); err != nil {
			return nil, err
		}
	}
}

// head returns everything up to and with the blank line, waiting for it.
func (in *inbox) head() ([]byte, error) {
	for seen := 0; ; {
		if n := headEnd(in.buf[in.pos:in.end], seen); n > 0 {
			p := in.buf[in.pos : in.pos+n]
			in.pos += n
			return p, nil
		}
		seen = in.buffered()
		if err := in.more(maxHead); err != nil {
			return nil, err
		}
	}
}

// headEnd is the length of the head in b, 0 if it is not whole; the first seen bytes were looked at before.
func headEnd(b []byte, seen int) int {
	for i := max(0, seen-3); ; {
		nl := bytes.IndexByte(b[i:], '\n')
		if nl < 0 {
			return 0
		}
		i += nl + 1
		if rest := b[i:]; bytes.HasPrefix(rest, []byte("\n")) {
			return i + 1
		} else if bytes.HasPrefix(rest, []byte("\r\n")) {
			return i + 2
		}
	}
}
