package proxy

import (
	"bytes"
	"errors"
	"io"
	"math"
)

// mostTrailers is how many fields may stand behind the last chunk.
const mostTrailers = 100

// maxChunkLine is more than a chunk's size and extensions need.
const maxChunkLine = 4096

var errBadChunk = errors.New("a chunk of its answer is malformed")

// A body gives out an answer's body piece by piece, as it arrives.
type body struct {
	in      *inbox
	left    int64 // bytes of the body, or of the chunk, still to come
	chunked bool
	behind  bool // a chunk's data is over, its line end is not read
	done    bool
	toEOF   bool
}

func newBody(in *inbox, h head) body {
	switch {
	case h.chunked:
		return body{in: in, chunked: true}
	case h.length < 0:
		return body{in: in, left: math.MaxInt64, toEOF: true}
	}
	return body{in: in, left: h.length, done: h.length == 0}
}

// next waits for bytes and returns them, good until the next call, or io.EOF
// behind the last. A connection that ends early is io.ErrUnexpectedEOF.
func (b *body) next() ([]byte, error) {
	if b.done {
		return nil, io.EOF
	}
	if b.chunked && b.left == 0 {
		if err := b.chunk(); err != nil {
			return nil, early(err)
		}
		if b.done {
			return nil, io.EOF
		}
	}
	p, err := b.in.next(b.left)
	if err != nil {
		if b.toEOF && err == io.EOF {
			b.done = true
			return nil, io.EOF
		}
		return nil, early(err)
	}
	b.in.got++
	if b.left -= int64(len(p)); b.left == 0 {
		b.done = !b.chunked
		b.behind = b.chunked
	}
	return p, nil
}

// waits says that nothing more of the body has arrived.
func (b *body) waits() bool {
	held := b.in.buf[b.in.pos:b.in.end]
	if !b.behind {
		return len(held) == 0
	}
	// What is there may be only this chunk's line end, and the next one's size.
	held = bytes.TrimPrefix(held, []byte("\r\n"))
	nl := bytes.IndexByte(held, '\n')
	return nl < 0 || nl == len(held)-1
}

// chunk reads the line that opens the next chunk; of the last, the trailers too.
func (b *body) chunk() error {
	if b.behind {
		if line, err := b.in.line(maxChunkLine); err != nil || len(line) != 0 {
			return orBad(err)
		}
		b.behind = false
	}
	line, err := b.in.line(maxChunkLine)
	if err != nil {
		return err
	}
	if b.left, err = chunkSize(line); err != nil || b.left > 0 {
		return err
	}
	for range mostTrailers { // Ollama has none
		if line, err = b.in.line(maxHead); err != nil || len(line) == 0 {
			b.done = err == nil
			return err
		}
		if _, _, ok := cutField(string(line)); !ok {
			return errBadChunk
		}
	}
	return errBadChunk
}

func chunkSize(line []byte) (int64, error) {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	digits = bytes.TrimRight(digits, " \t")
	if len(digits) == 0 || len(digits) > 15 {
		return 0, errBadChunk
	}
	var n int64
	for _, c := range digits {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errBadChunk
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func orBad(err error) error {
	if err == nil {
		return errBadChunk
	}
	return err
}
