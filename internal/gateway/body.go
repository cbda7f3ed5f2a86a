package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// trusted is how much room a Content-Length gets before its bytes are there.
const trusted = 8 << 20

// zstdMost is how much a compressed body may hold, as Ollama has it
// (cloud_proxy.go): a few kilobytes can unpack to gigabytes.
const zstdMost = 20 << 20

// zstdWindow bounds what a compressed body can make a decoder hold.
const zstdWindow = 8 << 20

// believed is the largest length that gets all its room at once, when trusted bytes of it have come.
const believed = 1 << 30

var errTooLarge = errors.New("too large")

// read takes in a request's body, decompressed where the endpoint allows that.
// It must be whole before a server is chosen: of two "model" fields the last counts.
func (g *Gateway) read(w http.ResponseWriter, r *http.Request, e *Endpoint) (body []byte, decoded bool, no *Answer) {
	if r.ContentLength > g.maxBody {
		return nil, false, g.tooLarge(e)
	}
	from := &patient{body: r.Body, control: http.NewResponseController(w)}
	defer from.rest()
	var err error
	if decoded = e.Zstd && r.Header.Get("Content-Encoding") == "zstd"; decoded {
		body, err = g.unzstd(from)
	} else {
		body, err = readAll(from, r.ContentLength, g.maxBody)
	}
	switch {
	case errors.Is(err, errTooLarge) && decoded && g.maxBody > zstdMost:
		a := refusal(ollama.Native, http.StatusBadRequest, "http: request body too large")
		return nil, false, &a
	case errors.Is(err, errTooLarge):
		return nil, false, g.tooLarge(e)
	case from.failed != nil: // the client left, or stalled
		return nil, false, g.unread(e, from.failed)
	case err != nil:
		dialect := e.Dialect
		if decoded { // refused before the dialect is known: wire.md, section 2
			dialect = ollama.Native
		}
		a := refusal(dialect, http.StatusBadRequest, "reading the request's body: "+err.Error())
		return nil, false, &a
	}
	return body, decoded, nil
}

// unread answers a client that did not send its whole body; mostly it has left.
func (g *Gateway) unread(e *Endpoint, err error) *Answer {
	var a Answer
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		a = refusal(e.Dialect, http.StatusRequestTimeout, fmt.Sprintf("no byte of the request's body came for %s", stalledBody))
	case malformed(err):
		a = refusal(e.Dialect, http.StatusBadRequest, "the request's body cannot be read: "+err.Error())
	default:
		return &Answer{Status: proxy.StatusGone}
	}
	a.Header.Set("Connection", "close")
	return &a
}

// malformed says that it is the client's chunks, or what stands behind them, that cannot be read. net/http has no names for these errors.
func malformed(err error) bool {
	text := err.Error()
	return strings.Contains(text, "chunk") || strings.Contains(text, "trailer") || strings.Contains(text, "header line too long")
}

// stalledBody is how long a client may rest while it sends its body.
const stalledBody = time.Minute

// A patient reader waits for a client as long as something comes, and
// remembers how the connection failed, whatever a decoder on top makes of it.
type patient struct {
	body    io.Reader
	control *http.ResponseController
	failed  error
	over    atomic.Bool // no more is to be read
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(stalledBody)) // a test's writer may have none
	if p.over.Load() {
		p.enough()
	}
	n, err := p.body.Read(b)
	if err != nil && err != io.EOF {
		p.failed = err
	}
	return n, err
}

// lingering is how long a client may go on sending what nobody wants any more: one that hears the answer meanwhile is not cut off.
const lingering = time.Second

// rest lets the connection wait as long as it likes again, unless there is nothing more to wait for.
func (p *patient) rest() {
	until := time.Time{}
	if p.over.Load() {
		until = time.Now().Add(lingering)
	}
	_ = p.control.SetReadDeadline(until)
}

// enough ends reading, be it under way: the connection is not used again.
func (p *patient) enough() {
	p.over.Store(true)
	_ = p.control.SetReadDeadline(time.Now())
}

func (g *Gateway) tooLarge(e *Endpoint) *Answer {
	a := refusal(e.Dialect, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request's body is larger than %s (max_body)", size(g.maxBody)))
	a.Header.Set("Connection", "close") // the rest of it is not read
	return &a
}

func (g *Gateway) unzstd(from io.Reader) ([]byte, error) {
	z, err := zstd.NewReader(from, zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return readAll(z, -1, min(g.maxBody, zstdMost))
}

// readAll reads to the end, at most most bytes, in one buffer. A length that
// was announced is believed up to trusted; beyond, room is made as bytes come.
func readAll(from io.Reader, length, most int64) ([]byte, error) {
	room := min(length, trusted) + 1 // one more: the end is seen without growing
	if length < 0 {
		room = 4 << 10
	}
	b := make([]byte, 0, room)
	for {
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > most:
			return nil, errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		case len(b) == cap(b):
			b = append(make([]byte, 0, grown(int64(cap(b)), length)), b...)
		}
	}
}

// grown is the next size of a buffer of have bytes that came whole: all that was
// announced, once a client has sent so much of it, or else twice as much.
func grown(have, length int64) int64 {
	switch {
	case length < have:
		return 2 * have
	case length <= believed:
		return length + 1
	}
	return min(length+1, 4*have)
}

// size writes a number of bytes as a person would.
func size(n int64) string {
	for i, unit := range []string{"GiB", "MiB", "KiB"} {
		if one := int64(1) << (30 - 10*i); n >= one && n%one == 0 {
			return fmt.Sprintf("%d %s", n/one, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
