package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	"gollamas/internal/fleet"
)

// idleTime is how long a connection nobody uses is kept. Ollama never closes
// one; a proxy in front of it often does after a minute, which alive notices.
const idleTime = 90 * time.Second

// A conn is one connection to a server, used by one attempt at a time.
type conn struct {
	net.Conn
	in     *inbox
	out    []byte // where heads are written, kept from one request to the next
	used   bool   // it has carried a request before
	parked time.Time
	tcp    *net.TCPConn // beneath TLS, if there is any; nil = none, in tests
}

// alive says whether the server has left the connection open. A request
// written to a closed one would be lost without an answer.
func (c *conn) alive() bool {
	return (c.tcp == nil || quiet(c.tcp)) && c.decodedNothing()
}

// decodedNothing says that TLS has no bytes left that it took from the
// connection with the last answer: they would be read as the answer to the next request.
func (c *conn) decodedNothing() bool {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return true
	}
	var one [1]byte
	if secure.SetReadDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	_, err := secure.Read(one[:])
	return errors.Is(err, os.ErrDeadlineExceeded) && secure.SetReadDeadline(time.Time{}) == nil
}

// awaitFirst bounds how long the first byte may be waited for, from now on.
func (c *conn) awaitFirst(t *fleet.Turn, bound time.Duration) {
	c.in.patience = patience{conn: c.Conn, turn: t, what: "first token", first: true, bound: bound, lost: t.Spare}
	c.in.patience.begin(c.in.got)
}

// awaitNext does so for each that follows.
func (c *conn) awaitNext(t *fleet.Turn, bound time.Duration) {
	c.in.patience = patience{conn: c.Conn, turn: t, what: "next token", bound: bound, lost: true}
	c.in.patience.begin(c.in.got)
}

func beneath(c net.Conn) *net.TCPConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	tcp, _ := c.(*net.TCPConn)
	return tcp
}
