package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// An answer is one server's, as far as it was read: its head, and the first
// bytes of its body, which are waited for before anything reaches the client.
type answer struct {
	head
	first   []byte
	ended   bool // first is all of it
	body    body
	conn    *conn
	pool    *pool
	written <-chan error // the request is still being written
	release func() bool  // ends the watch for the client's leaving
}

// ask sends the job to one server and waits for the first byte of its answer.
// sent is false where nothing of the request can have reached the server.
func (e *Engine) ask(ctx context.Context, t *fleet.Turn, job *Job, as *Sending) (a *answer, sent bool, err error) {
	p := e.pool(t.Server)
	// What must not be sent twice gets a connection of its own: one that was
	// kept can break at any moment, and nobody could tell whether it had arrived.
	a, sent, again, err := askOnce(ctx, p, t, job, as, job.Changes)
	if again && ctx.Err() == nil {
		a, sent, _, err = askOnce(ctx, p, t, job, as, true)
	}
	return a, sent, err
}

// closedLong is how soon a connection breaks that was closed already when the request
// was sent. One that breaks later has taken the server with it, or the request was too much for that.
const closedLong = time.Second

// askOnce reports again where a connection that was kept broke at once, before any
// byte came back: the server closed it while it was idle, and never saw the request.
func askOnce(ctx context.Context, p *pool, t *fleet.Turn, job *Job, as *Sending, fresh bool) (a *answer, sent, again bool, err error) {
	c, err := p.get(ctx, fresh)
	if err != nil {
		return nil, false, false, err
	}
	from := time.Now()
	a = &answer{conn: c, pool: p, release: context.AfterFunc(ctx, func() { _ = c.Close() })}
	a.written, err = send(c, p.server, job, as)
	if !job.Changes { // a pull says nothing for as long as it likes
		c.awaitFirst(t, t.FirstWithin(job.Size))
	}
	if err == nil || !c.used {
		err = a.receive()
	}
	if err != nil {
		var stall *errStalled
		silent := c.in.end == 0 && !errors.As(err, &stall) // nothing ever arrived
		a.drop()
		return nil, true, c.used && silent && time.Since(from) < closedLong && !job.Changes, err
	}
	return a, true, false, nil
}

// longestFailure is how long the body of a failing answer is waited for while
// there may be another server to ask.
const longestFailure = 2 * time.Second

// mostInformational is how many heads may stand in front of the one that counts.
const mostInformational = 10

// receive reads the head, past any that are only informational, and the first bytes of the body.
func (a *answer) receive() error {
	a.conn.in.pos, a.conn.in.end = 0, 0
	for informational := 0; ; informational++ {
		if informational > mostInformational {
			return errNotHTTP
		}
		raw, err := a.conn.in.head()
		if err != nil {
			return early(err)
		}
		if a.head, err = parseHead(raw); err != nil {
			return err
		}
		if a.status == http.StatusSwitchingProtocols { // nobody has asked for that
			return errNotHTTP
		}
		if a.status >= 200 {
			break
		}
	}
	if failing(a.status) {
		a.conn.in.patience.end()
		_ = a.conn.SetReadDeadline(time.Now().Add(longestFailure)) // a connection without one waits as ever
	}
	a.body = newBody(a.conn.in, a.head)
	var err error
	if a.first, err = a.body.next(); err == io.EOF {
		a.ended, err = true, nil
	}
	return err
}

// errEmpty is an answer without a byte where there is always one.
var errEmpty = errors.New("its answer was empty")

// empty says that there is nothing in an answer that should be JSON.
func (a *answer) empty() bool {
	return a.status == http.StatusOK && a.ended && len(a.first) == 0 && a.framing() != ollama.Opaque
}

// next returns the body's next bytes, the first ones first.
func (a *answer) next() ([]byte, error) {
	if p := a.first; p != nil {
		a.first = nil
		return p, nil
	}
	if a.ended {
		return nil, io.EOF
	}
	return a.body.next()
}

// maxReworded is how much of an answer is read to have it say something else: what a model is, with all its words, is
// some megabytes.
const maxReworded = 64 << 20

// reword reads the body, up to most bytes, and has it say something else.
func (a *answer) reword(what func([]byte) []byte, most int) {
	var all []byte
	for len(all) < most {
		p, err := a.next()
		all = append(all, p...)
		if err == io.EOF {
			a.ended = true
			break
		}
		if err != nil {
			break // whoever reads on hears of it
		}
	}
	if a.first = what(all); len(a.first) == 0 {
		a.first = nil
	}
}

// finish gives the connection back if the answer was read to its end and the
// request was written to its end, and ends it otherwise.
func (a *answer) finish() {
	if !a.body.done || a.close || !a.sentAll() || !a.release() {
		a.drop()
		return
	}
	a.pool.put(a.conn)
}

// lastOfRequest is how long the last bytes of a request may take to be
// written when its answer is over already. A server that answered early and
// reads no more takes for ever.
const lastOfRequest = 20 * time.Millisecond

func (a *answer) sentAll() bool {
	if a.written == nil {
		return true
	}
	if a.conn.SetWriteDeadline(time.Now().Add(lastOfRequest)) != nil {
		return false
	}
	err := <-a.written
	a.written = nil
	return err == nil && a.conn.SetWriteDeadline(time.Time{}) == nil
}

// drop ends the connection, and waits for the writer, which holds the body.
func (a *answer) drop() {
	a.release()
	_ = a.conn.Close()
	if a.written != nil {
		<-a.written
		a.written = nil
	}
}
