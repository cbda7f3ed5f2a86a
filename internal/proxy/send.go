package proxy

import (
	"cmp"
	"net"
	"net/http"
	"strconv"

	"gollamas/internal/fleet"
)

// inline is how large a request may be to be written as one piece before its
// answer is read. A larger one is written while the answer is awaited: a
// server may refuse it before it has read it all.
const inline = 16 << 10

// send writes the request. The channel it returns is nil where that is done,
// else it gets the outcome of writing on.
func send(c *conn, s *fleet.Server, job *Job, as *Sending) (<-chan error, error) {
	pieces := as.Body
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	c.out = appendHead(c.out[:0], s, job, cmp.Or(as.Target, job.Target), size)
	if size <= inline {
		for _, p := range pieces {
			c.out = append(c.out, p...)
		}
		_, err := c.Write(c.out)
		return nil, err
	}
	written := make(chan error, 1)
	all := append(net.Buffers{c.out}, pieces...)
	go func() {
		_, err := all.WriteTo(c.Conn)
		written <- err
	}()
	return written, nil
}

func appendHead(b []byte, s *fleet.Server, job *Job, target string, size int) []byte {
	b = append(b, job.Method...)
	b = append(b, ' ')
	b = append(b, s.Prefix()...)
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, s.Host()...)
	b = append(b, "\r\n"...)
	own := s.Header()
	named := job.Header["Connection"]
	for name, values := range job.Header {
		if hopByHop[name] || dropped[name] || own[name] != nil || len(named) > 0 && hasToken(named, name) || job.Decoded && name == "Content-Encoding" {
			continue
		}
		b = appendFields(b, name, values)
	}
	for name, values := range own {
		b = appendFields(b, name, values)
	}
	if size > 0 || job.Method != http.MethodGet && job.Method != http.MethodHead {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(size), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func appendFields(b []byte, name string, values []string) []byte {
	for _, v := range values {
		b = append(b, name...)
		b = append(b, ": "...)
		b = append(b, v...)
		b = append(b, "\r\n"...)
	}
	return b
}
