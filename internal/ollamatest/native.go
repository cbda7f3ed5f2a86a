package ollamatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type chatRequest struct {
	Model       string          `json:"model"`
	Messages    []message       `json:"messages"`
	Stream      *bool           `json:"stream,omitempty"`
	Format      json.RawMessage `json:"format,omitempty"`
	KeepAlive   *keepAlive      `json:"keep_alive,omitempty"`
	Tools       toolList        `json:"tools,omitempty"`
	Options     map[string]any  `json:"options"`
	Think       *think          `json:"think,omitempty"`
	Truncate    *bool           `json:"truncate,omitempty"`
	Shift       *bool           `json:"shift,omitempty"`
	Logprobs    bool            `json:"logprobs,omitempty"`
	TopLogprobs int             `json:"top_logprobs,omitempty"`
}

type toolList []tool

type generateRequest struct {
	Model       string          `json:"model"`
	Prompt      string          `json:"prompt"`
	Suffix      string          `json:"suffix"`
	System      string          `json:"system"`
	Template    string          `json:"template"`
	Context     []int           `json:"context,omitempty"`
	Stream      *bool           `json:"stream,omitempty"`
	Raw         bool            `json:"raw,omitempty"`
	Format      json.RawMessage `json:"format,omitempty"`
	KeepAlive   *keepAlive      `json:"keep_alive,omitempty"`
	Images      []imageData     `json:"images,omitempty"`
	Options     map[string]any  `json:"options"`
	Think       *think          `json:"think,omitempty"`
	Truncate    *bool           `json:"truncate,omitempty"`
	Shift       *bool           `json:"shift,omitempty"`
	Logprobs    bool            `json:"logprobs,omitempty"`
	TopLogprobs int             `json:"top_logprobs,omitempty"`
}

// think is a request's wish for thinking: a boolean, or how much.
type think struct{ on bool }

func (t *think) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &t.on) == nil {
		return nil
	}
	var s string
	if json.Unmarshal(b, &s) != nil {
		return errors.New(`think must be a boolean or string ("high", "medium", "low", "max", true, or false)`)
	}
	switch s {
	case "high", "medium", "low", "max":
		t.on = true
		return nil
	}
	return fmt.Errorf(`invalid think value: %q (must be "high", "medium", "low", "max", true, or false)`, s)
}

func (c *call) chat() {
	var req chatRequest
	if c.bind(&req) {
		c.chatIn(nativeChat{}, &req, false)
	}
}

// chatIn answers a chat in some dialect. relaxed: a wish to think that the model cannot fulfil is
// forgotten instead of refused.
func (c *call) chatIn(v voice, req *chatRequest, relaxed bool) {
	if req.TopLogprobs < 0 || req.TopLogprobs > 20 {
		c.refuse(v, http.StatusBadRequest, "top_logprobs must be between 0 and 20")
		return
	}
	m, ok := c.locate(v, req.Model, http.StatusBadRequest, errNoModel.Error())
	if !ok {
		return
	}
	p := prompt{
		model: req.Model, tools: req.Tools, format: req.Format, opts: req.Options, keep: req.KeepAlive,
		stream: req.Stream == nil || *req.Stream, noShift: req.Shift != nil && !*req.Shift, noContext: true,
	}
	if len(req.Messages) == 0 && unloads(req.KeepAlive) {
		c.memory.expire(m)
		c.settled(v, p, "unload")
		return
	}
	if m.remote() {
		c.refuse(v, http.StatusForbidden, cloudOff+remoteModel)
		return
	}
	if p.thinks, ok = c.thinks(v, m, req.Model, req.Think, relaxed); !ok {
		return
	}
	if !m.can("completion") {
		c.refuse(v, http.StatusBadRequest, fmt.Sprintf("%q does not support chat", req.Model))
		return
	}
	if len(req.Tools) > 0 && !m.can("tools") {
		c.refuse(v, http.StatusBadRequest, m.name.String()+" does not support tools")
		return
	}
	p.text, p.empty = conversation(req.Messages), len(req.Messages) == 0
	if n := len(req.Messages); n > 0 && req.Messages[n-1].Role == "tool" {
		p.tools = nil // the tool has answered: now the model talks
	}
	c.converse(v, m, p)
}

// conversation is the text of a chat, with a mark for each image.
func conversation(messages []message) string {
	var parts []string
	images := 0
	for _, m := range messages {
		text := m.Content
		for range m.Images {
			text = fmt.Sprintf("[img-%d]", images) + text
			images++
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "\n\n")
}

func unloads(k *keepAlive) bool { return k != nil && *k == 0 }

// locate finds the model that a request which talks names, or refuses.
func (c *call) locate(v voice, name string, noName int, noNameText string) (*installed, bool) {
	ref, err := parseReference(name)
	switch {
	case errors.Is(err, errBothSources):
		c.refuse(v, http.StatusBadRequest, err.Error())
	case errors.Is(err, errUnqualified):
		c.refuse(v, http.StatusBadRequest, badName)
	case err != nil:
		c.refuse(v, noName, noNameText)
	case ref.source == cloud:
		c.refuse(v, http.StatusForbidden, cloudOff+remoteModel)
	default:
		m := c.library.find(ref.name)
		if m == nil || ref.source == local && m.remote() {
			c.refuse(v, http.StatusNotFound, notFound(name))
			return nil, false
		}
		return m, true
	}
	return nil, false
}

// thinks decides whether the model thinks: one that can does unless told not to.
func (c *call) thinks(v voice, m *installed, name string, t *think, relaxed bool) (thinks, ok bool) {
	wanted := t != nil && t.on
	if m.can("thinking") {
		return t == nil || wanted, true
	}
	if wanted && !relaxed {
		c.refuse(v, http.StatusBadRequest, fmt.Sprintf("%q does not support thinking", name))
		return false, false
	}
	return false, true
}

// nativeChat is the voice of /api/chat.
type nativeChat struct{ nativeVoice }

func (nativeChat) lines(r record) [][]byte { return [][]byte{append(nativeChat{}.whole(r), '\n')} }

func (nativeChat) whole(r record) []byte {
	m := message{Role: "assistant", Content: r.text, Thinking: r.thinking, ToolCalls: r.calls}
	if r.at.IsZero() {
		m.Role = ""
	}
	return marshal(struct {
		Model      string    `json:"model"`
		CreatedAt  time.Time `json:"created_at"`
		Message    message   `json:"message"`
		Done       bool      `json:"done"`
		DoneReason string    `json:"done_reason,omitempty"`
		metrics
	}{r.model, r.at, m, r.done, r.reason, r.metrics})
}

// nativeVoice is what chat and generate have in common.
type nativeVoice struct{}

func (nativeVoice) ending(text string) [][]byte {
	if text == "" {
		return nil
	}
	return [][]byte{marshalLine(nativeError{text})}
}

func (nativeVoice) refusal(_ int, text string) []byte { return marshal(nativeError{text}) }

func (nativeVoice) mime() (stream, whole, refusal string) { return ndjson, jsonUTF8, jsonUTF8 }

func (nativeVoice) flushes() bool { return false }
