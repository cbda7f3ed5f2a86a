package ollamatest

import "net/http"

// line sends one record of a stream. It reports false when the stream is over: the client has
// left, or a fault says so.
func (c *call) line(b []byte) bool {
	if f := c.fault(Hang, Cut); f != nil && f.After == c.records {
		c.flush()
		c.breakOff(f)
	}
	if f := c.fault(SilentEnd, ErrorRecord, DieRunning); f != nil && f.After == c.records {
		return false
	}
	c.records++
	_, err := c.w.Write(b)
	return err == nil && c.ctx.Err() == nil
}

// progress is how pull, push and create answer: records, of which a client that does not want
// to stream gets the last.
type progress struct {
	c      *call
	stream bool
	last   progressRecord
	over   bool
	failed bool
}

type progressRecord struct {
	Status    string `json:"status"`
	Digest    string `json:"digest,omitempty"`
	Total     int64  `json:"total,omitempty"`
	Completed int64  `json:"completed,omitempty"`
}

func (c *call) progress(stream *bool) *progress {
	p := &progress{c: c, stream: stream == nil || *stream}
	c.struck = append(c.struck, c.faults.take(onAnswer, c.r.URL.Path, c.model)...)
	if p.stream {
		c.w.Header().Set("Content-Type", ndjson)
	} else {
		c.w.Header().Set("Content-Type", jsonBare)
	}
	return p
}

// say reports one step, and whether to go on.
func (p *progress) say(r progressRecord) bool {
	if p.over || p.c.ctx.Err() != nil {
		p.over = true
		return false
	}
	p.last = r
	if !p.stream {
		return p.check()
	}
	if !p.c.line(marshalLine(r)) {
		p.over = true
		if f := p.c.fault(ErrorRecord, DieRunning); f != nil {
			p.fail(http.StatusInternalServerError, lastWords(f))
		}
		return false
	}
	p.c.flush()
	return true
}

// check lets an error strike an answer that does not stream.
func (p *progress) check() bool {
	if f := p.c.fault(ErrorRecord, DieRunning); f != nil {
		p.over = true
		p.fail(http.StatusInternalServerError, lastWords(f))
	}
	return !p.over
}

// fail ends the answer with an error: a status as long as nothing was sent, a record after that.
func (p *progress) fail(status int, text string) {
	if p.failed {
		return
	}
	p.over, p.failed = true, true
	if p.stream && p.c.records > 0 {
		_, _ = p.c.w.Write(marshalLine(nativeError{text}))
		return
	}
	p.c.w.Header().Set("Content-Type", jsonBare)
	p.c.w.WriteHeader(status)
	_, _ = p.c.w.Write(marshal(nativeError{text}))
	if p.stream {
		p.c.flush()
	}
}

// end finishes the answer.
func (p *progress) end() {
	if !p.over && !p.stream {
		p.c.answer(http.StatusOK, jsonBare, marshal(p.last))
	}
	if p.stream {
		p.c.flush()
	}
}

func lastWords(f *armed) string {
	if f.Body != "" {
		return f.Body
	}
	return "an error was encountered while running the model: unexpected EOF"
}
