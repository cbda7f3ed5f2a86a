package ollamatest

import (
	"fmt"
	"net/http"
	"time"
)

func (c *call) generate() {
	var req generateRequest
	if c.bind(&req) {
		c.generateIn(nativeGenerate{}, &req)
	}
}

// generateIn answers a prompt in some dialect.
func (c *call) generateIn(v voice, req *generateRequest) {
	if req.TopLogprobs < 0 || req.TopLogprobs > 20 {
		c.refuse(v, http.StatusBadRequest, "top_logprobs must be between 0 and 20")
		return
	}
	m, ok := c.locate(v, req.Model, http.StatusNotFound, notFound(req.Model))
	if !ok {
		return
	}
	if m.remote() {
		c.refuse(v, http.StatusForbidden, cloudOff+remoteModel)
		return
	}
	p := prompt{
		model: req.Model, empty: req.Prompt == "", context: req.Context, format: req.Format, opts: req.Options, keep: req.KeepAlive,
		stream: req.Stream == nil || *req.Stream, noShift: req.Shift != nil && !*req.Shift, noContext: req.Raw,
	}
	if req.Prompt == "" && unloads(req.KeepAlive) {
		c.memory.expire(m)
		c.settled(v, p, "unload")
		return
	}
	if req.Raw && (req.Template != "" || req.System != "" || len(req.Context) > 0) {
		c.refuse(v, http.StatusBadRequest, "raw mode does not support template, system, or context")
		return
	}
	if p.thinks, ok = c.thinks(v, m, req.Model, req.Think, false); !ok {
		return
	}
	if !m.can("completion") {
		c.refuse(v, http.StatusBadRequest, fmt.Sprintf("%q does not support generate", req.Model))
		return
	}
	if req.Suffix != "" && !m.can("insert") {
		c.refuse(v, http.StatusBadRequest, m.name.String()+" does not support insert")
		return
	}
	p.text = conversation([]message{{Content: req.Prompt, Images: req.Images}})
	c.converse(v, m, p)
}

// nativeGenerate is the voice of /api/generate.
type nativeGenerate struct{ nativeVoice }

func (nativeGenerate) lines(r record) [][]byte {
	return [][]byte{append(nativeGenerate{}.whole(r), '\n')}
}

func (nativeGenerate) whole(r record) []byte {
	return marshal(struct {
		Model      string    `json:"model"`
		CreatedAt  time.Time `json:"created_at"`
		Response   string    `json:"response"`
		Thinking   string    `json:"thinking,omitempty"`
		Done       bool      `json:"done"`
		DoneReason string    `json:"done_reason,omitempty"`
		Context    []int     `json:"context,omitempty"`
		metrics
	}{r.model, r.at, r.text, r.thinking, r.done, r.reason, r.context, r.metrics})
}
