package proxy

import (
	"net/http"
	"sync"
	"time"

	"gollamas/internal/ollama"
)

// comment is a line that readers of server-sent events pass over.
const comment = ": waiting for the model\n\n"

// A pulse writes to the client of a stream of server-sent events. As long as nobody else does, it
// writes a comment every now and then. The first comment is the beginning of an answer with
// status 200; whatever comes then that is no stream is told as an error in one.
type pulse struct {
	http.ResponseWriter
	job     *Job
	x       *Exchange
	stop    func()
	written int64       // bytes, of comments and of whatever came behind them
	begun   bool        // comments have been written, and so the head
	header  http.Header // what others want of it, which comes too late
	failing []byte      // an answer that is no stream, nil = it is one
}

// beat begins to write comments.
func beat(w http.ResponseWriter, job *Job, x *Exchange) *pulse {
	p := &pulse{ResponseWriter: w, job: job, x: x}
	stopped, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		p.comments(stopped)
	}()
	p.stop = sync.OnceFunc(func() {
		close(stopped)
		<-over
	})
	return p
}

func (p *pulse) comments(stopped <-chan struct{}) {
	tick := time.NewTicker(p.job.Comments)
	defer tick.Stop()
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
			if !p.begun {
				h := p.ResponseWriter.Header()
				h["Content-Type"] = []string{"text/event-stream"}
				h["Cache-Control"] = []string{"no-cache"}
				p.ResponseWriter.WriteHeader(http.StatusOK)
				p.begun, p.header = true, http.Header{}
			}
			control := http.NewResponseController(p.ResponseWriter)
			_ = control.SetWriteDeadline(time.Now().Add(stalledClient)) // a test's writer may have none
			n, err := p.ResponseWriter.Write([]byte(comment))
			if p.written += int64(n); err != nil || control.Flush() != nil {
				return // the client has left, and its context says so, or takes nothing any more
			}
			_ = control.SetWriteDeadline(time.Time{})
		}
	}
}

// Header stops the comments: an answer is there.
func (p *pulse) Header() http.Header {
	p.stop()
	if p.begun {
		return p.header
	}
	return p.ResponseWriter.Header()
}

// WriteHeader notes whether a stream follows, where the head is written already.
func (p *pulse) WriteHeader(status int) {
	p.stop()
	switch {
	case !p.begun:
		p.ResponseWriter.WriteHeader(status)
	case status != http.StatusOK || ollama.FramingOf(p.header.Get("Content-Type"), "") != ollama.SSE:
		p.failing = []byte{}
	}
}

// Write passes a stream on and keeps what is none.
func (p *pulse) Write(b []byte) (int, error) {
	if p.failing != nil {
		if len(p.failing) < maxKept {
			p.failing = append(p.failing, b...)
		}
		return len(b), nil
	}
	n, err := p.ResponseWriter.Write(b)
	p.written += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (p *pulse) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// end ends the stream that has begun, where all that came then was no stream, and says what all of it has come to:
// those who wrote into it know of no comments, and of no record that stands for their answer.
func (p *pulse) end() {
	p.stop()
	if p.failing != nil {
		p.fail()
	}
	p.x.BytesOut = p.written
}

// fail writes the record of an error in the place of an answer that is no stream.
func (p *pulse) fail() {
	text := ollama.ErrorText(p.failing)
	if text == "" {
		text = "the server's answer was no stream"
	}
	n, _ := p.ResponseWriter.Write(ollama.ErrorRecord(p.job.Dialect, p.job.Endpoint, text)) // a client that is gone is not told
	p.written += int64(n)
}
