package ollamatest

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Fault makes the server misbehave for the requests it names.
type Fault struct {
	Kind  FaultKind
	Path  string // exact path, "" = any
	Model string // as requests name it, in any spelling that means the same; "" = any
	Times int    // how many requests; 0 = until cleared
	After int    // records (lines, events) let through first; bytes, where the answer is no stream; bytes of an upload

	Status int         // for Status, default 500
	Body   string      // for Status; with the kinds that answer an error, its text instead of Ollama's
	Header http.Header // for Status

	Pace time.Duration // for Slow
}

// A FaultKind is a way to misbehave.
type FaultKind int

const (
	Refuse      FaultKind = iota // the connection is reset before any byte of answer
	Hang                         // accepted, then nothing more until the client leaves
	Cut                          // the connection is torn after After records, in the middle of the body
	Status                       // Status, Header and Body are answered at once
	SilentEnd                    // the stream ends cleanly after After records without its final marker; an answer in one piece says done:false
	ErrorRecord                  // the stream ends with an error after After records: a line of its own natively, SilentEnd on /v1
	DieLoading                   // the load fails: 500 with the runner's last words
	DieRunning                   // the runner dies: 500 before the first record, as ErrorRecord after it; the next request loads it anew
	Slow                         // Pace instead of Options.Pace
	Full                         // After bytes of an upload are taken, then 500: the disk is full, or what Body says
	Jam                          // After bytes of an upload are taken, then nothing more until the server stops
)

// Which kinds can strike when: a request uses up a fault only where the fault can act, so that a
// poll of /api/ps does not take the place of the chat that was meant.
var (
	onArrival = []FaultKind{Refuse, Hang, Cut, Status}
	onAnswer  = []FaultKind{SilentEnd, ErrorRecord, DieRunning, Slow}
	onLoad    = []FaultKind{DieLoading}
	onUpload  = []FaultKind{Full, Jam}
)

type faults struct {
	mu   sync.Mutex
	list []*armed
}

type armed struct {
	Fault
	left int
}

// Fault arms f, and returns what disarms it. Several may be armed; of those that fit a request,
// each counts it.
func (s *Server) Fault(f Fault) (clear func()) {
	a := &armed{Fault: f, left: f.Times}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = append(s.faults.list, a)
	return func() {
		s.faults.mu.Lock()
		defer s.faults.mu.Unlock()
		s.faults.list = slices.DeleteFunc(s.faults.list, func(o *armed) bool { return o == a })
	}
}

// take picks the faults of these kinds for a request, and counts it.
func (f *faults) take(kinds []FaultKind, path string, model func() string) []*armed {
	f.mu.Lock()
	defer f.mu.Unlock()
	var struck []*armed
	f.list = slices.DeleteFunc(f.list, func(a *armed) bool {
		if !slices.Contains(kinds, a.Kind) || a.Path != "" && a.Path != path {
			return false
		}
		if a.Model != "" && !sameModel(a.Model, model()) {
			return false
		}
		struck = append(struck, a)
		a.left--
		return a.left == 0
	})
	return struck
}

// wants reports whether a fault needs to know the model of a request to this path.
func (f *faults) wants(kinds []FaultKind, path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(a *armed) bool {
		return slices.Contains(kinds, a.Kind) && (a.Path == "" || a.Path == path)
	})
}

func sameModel(a, b string) bool {
	x, err := parseReference(a)
	y, err2 := parseReference(b)
	return err == nil && err2 == nil && x.name.same(y.name)
}

// arrive lets the faults strike that need no answer. It reports whether one did.
func (c *call) arrive() bool {
	if !c.faults.wants(onArrival, c.r.URL.Path) {
		return false
	}
	if !c.upload {
		_, _ = c.body() // a fault may name the model in it
	}
	c.struck = c.faults.take(onArrival, c.r.URL.Path, c.model)
	for _, f := range c.struck {
		switch {
		case f.Kind == Refuse:
			c.reset()
		case f.Kind == Hang && f.After == 0:
			c.hang()
		case f.Kind == Status:
			c.substitute(f.Fault)
			return true
		}
	}
	return false
}

func (c *call) substitute(f Fault) {
	for k, v := range f.Header {
		c.w.Header()[http.CanonicalHeaderKey(k)] = v
	}
	if f.Body != "" && c.w.Header().Get("Content-Type") == "" {
		c.w.Header().Set("Content-Type", jsonUTF8)
	}
	c.w.WriteHeader(orDefault(f.Status, http.StatusInternalServerError))
	_, _ = c.w.Write([]byte(f.Body))
}

func (c *call) fault(kinds ...FaultKind) *armed {
	for _, f := range c.struck {
		if slices.Contains(kinds, f.Kind) {
			return f
		}
	}
	return nil
}

// hang waits for the client to leave and lets the connection go. net/http notices that a client
// left only when the body has been read.
func (c *call) hang() {
	if c.upload {
		_, _ = io.Copy(io.Discard, c.r.Body)
	}
	<-c.ctx.Done()
	c.tear()
}

// tear ends the connection where it stands. What was flushed has gone out.
func (c *call) tear() { panic(http.ErrAbortHandler) }

// reset makes the client see "connection reset by peer" instead of an answer.
func (c *call) reset() {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		c.tear()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
	panic(http.ErrAbortHandler)
}
