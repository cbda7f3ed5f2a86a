package jobs

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A Change is a request that changes what one server has installed, and takes its time: a pull or a create. It goes on
// whoever leaves.
type Change struct {
	Server *fleet.Server
	What   string // "pull" or "create"
	Model  string // as the server was told it
	Since  time.Time
	via    []string      // each gollamas that the request which began it has been through
	open   bool          // anybody may have asked for it
	key    string        // of the model's name
	done   chan struct{} // closed when it is over; then err stands
	said   []byte        // the server's last word, where all went well
	err    *ChangeError

	mu        sync.Mutex
	steps     []step
	version   int                      // of the newest step
	followers map[chan<- struct{}]bool // woken at each step, and at the end
}

// A step is one thing that the server has said: a status, or how far a layer is.
type step struct {
	ollama.Progress
	raw     []byte // as the server wrote it
	version int    // when it was last said, as a number that grows
}

// mostSteps is how many steps are remembered: some dozens are usual.
const mostSteps = 1024

// A ChangeError is a change that has come to nothing, or to nobody knows what.
type ChangeError struct {
	Status int    // of the answer, 200 where it went wrong later, 0 = there was none
	Text   string // the server's own, or why there is none
	Body   []byte // of an answer that said no; nil = there is none
	Type   string // its Content-Type
	Own    bool   // Text is gollamas' own
}

func (e *ChangeError) Error() string { return e.Text }

// note keeps what the server has just said. A layer has one step, which moves.
func (c *Change) note(p ollama.Progress, raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	now := step{p, raw, c.version}
	i := -1
	if p.Digest != "" {
		i = slices.IndexFunc(c.steps, func(s step) bool { return s.Digest == p.Digest })
	}
	if i < 0 && len(c.steps) == mostSteps { // the oldest status goes, but no layer, or sums would not be right
		i = slices.IndexFunc(c.steps, func(s step) bool { return s.Digest == "" })
	}
	switch {
	case i >= 0:
		c.steps[i] = now
	case len(c.steps) < mostSteps:
		c.steps = append(c.steps, now)
	}
	c.move()
}

// end ends the change.
func (c *Change) end(err *ChangeError) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.done)
	c.move()
}

// move wakes the followers. The lock is held.
func (c *Change) move() {
	for f := range c.followers {
		select {
		case f <- struct{}{}:
		default: // it has been woken already
		}
	}
}

// follow has wake sent something at each step, until it leaves.
func (c *Change) follow(wake chan<- struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followers[wake] = true
}

func (c *Change) leave(wake chan<- struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.followers, wake)
}

// after is what was said since a version, in order, and the version now.
func (c *Change) after(version int) (steps []step, now int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.steps {
		if s.version > version {
			steps = append(steps, s)
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return a.version - b.version })
	return steps, c.version
}

// Outcome is what the change has come to. It must be over.
func (c *Change) Outcome() Outcome {
	if c.err == nil {
		return Outcome{Server: c.Server, Status: http.StatusOK, Body: c.said, Done: true}
	}
	return Outcome{Server: c.Server, Status: c.err.Status, Why: c.err.Text, Body: c.err.Body, Type: c.err.Type, Own: c.err.Own}
}

// over says whether the change has ended.
func (c *Change) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// succeeded says whether the change has ended well.
func (c *Change) succeeded() bool { return c.over() && c.err == nil }

// layer is how much of a layer there is and has come. said is false where the server has not spoken of it.
func (c *Change) layer(digest string) (total, completed int64, said bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.steps {
		if s.Digest == digest {
			return s.Total, s.Completed, true
		}
	}
	return 0, 0, false
}

// A Changing is a change that is under way, for people.
type Changing struct {
	Server    *fleet.Server
	What      string
	Model     string
	Since     time.Time
	Status    string // what the server said last
	Total     int64  // bytes, of the layers that the server has spoken of
	Completed int64
	Waiting   int // requests that follow it
}

// Now is how far the change is.
func (c *Change) Now() Changing {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Changing{Server: c.Server, What: c.What, Model: c.Model, Since: c.Since, Waiting: len(c.followers)}
	last := 0
	for _, s := range c.steps {
		out.Total += s.Total
		out.Completed += s.Completed
		if s.version > last {
			last, out.Status = s.version, s.Status
		}
	}
	return out
}
