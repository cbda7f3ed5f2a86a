package ollamatest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// A voice is a dialect: how records go over the wire.
type voice interface {
	// lines are a record of a stream, one element for each line or event.
	lines(record) [][]byte
	// whole is the answer to a request that does not stream.
	whole(record) []byte
	// ending is what follows when the model dies in the middle of a stream, and whether text
	// appears in it.
	ending(text string) [][]byte
	// refusal is an error instead of an answer.
	refusal(status int, text string) []byte
	// mime is the content type of a stream, of an answer in one piece, and of a refusal.
	mime() (stream, whole, refusal string)
	// flushes reports whether every line is flushed by itself.
	flushes() bool
}

// refuse answers with an error in the dialect's shape.
func (c *call) refuse(v voice, status int, text string) {
	_, _, mime := v.mime()
	c.w.Header().Set("Content-Type", mime)
	c.answer(status, mime, v.refusal(status, text))
}

// converse answers a prompt whose model has been found and may talk.
func (c *call) converse(v voice, m *installed, p prompt) {
	c.struck = append(c.struck, c.faults.take(onAnswer, c.r.URL.Path, c.model)...)
	r, err := c.schedule(m, p.opts, p.keep, p.noShift)
	if err != nil {
		status, text := scheduleError(p.model, err)
		c.refuse(v, status, text)
		return
	}
	defer c.memory.release(r)
	if p.empty {
		c.settled(v, p, "load")
		return
	}
	t := &talk{call: c, voice: v, prompt: p, runner: r, model: m, loaded: time.Now()}
	t.run()
}

// settled answers a request that only loads or unloads.
func (c *call) settled(v voice, p prompt, reason string) {
	r := record{model: p.model, at: time.Now().UTC(), done: true, reason: reason}
	stream, whole, _ := v.mime()
	if !p.stream || stream == ndjson {
		c.answer(http.StatusOK, whole, v.whole(r))
		return
	}
	c.w.Header().Set("Content-Type", stream)
	c.emit(v, r)
}

// emit sends one record's lines.
func (c *call) emit(v voice, r record) bool {
	for _, b := range v.lines(r) {
		if !c.line(b) {
			return false
		}
		if v.flushes() {
			c.flush()
		}
	}
	return true
}

// schedule gets the model loaded, as the request wants it.
func (c *call) schedule(m *installed, opts map[string]any, keep *keepAlive, noShift bool) (*runner, error) {
	if m.remote() {
		return nil, os.ErrNotExist
	}
	o, err := c.resolve(m, opts)
	if err != nil {
		return nil, err
	}
	o.runner.noShift = noShift
	return c.memory.acquire(c.ctx, wish{model: m, opts: o.runner, keep: keep.duration(), fails: c.loadFault})
}

// loadFault is what the runner says when a fault lets it die while loading.
func (c *call) loadFault() string {
	for _, f := range c.faults.take(onLoad, c.r.URL.Path, c.model) {
		switch {
		case f.Body != "":
			return f.Body
		case c.newer:
			return "llama-server process has terminated: exit status 1: error loading model"
		default:
			return "llama runner process has terminated: exit status 2"
		}
	}
	return ""
}

func scheduleError(name string, err error) (status int, text string) {
	switch {
	case errors.Is(err, context.Canceled):
		return 499, "request canceled"
	case errors.Is(err, errQueueFull):
		return http.StatusServiceUnavailable, err.Error()
	case errors.Is(err, os.ErrNotExist):
		return http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", name)
	}
	return http.StatusInternalServerError, err.Error()
}
