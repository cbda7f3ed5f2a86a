package ollamatest

import (
	"encoding/json"
	"net/http"
)

// anthropicVoice is the voice of /v1/messages: blocks that are opened, filled and closed.
type anthropicVoice struct {
	id, model string
	estimate  int
	started   bool
	index     int    // of the block
	open      string // the kind of block that is open
	thought   bool   // the thinking block is closed for good
	called    bool
}

type block struct {
	Type     string          `json:"type"`
	Text     *string         `json:"text,omitempty"`
	ID       string          `json:"id,omitempty"`
	Name     string          `json:"name,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"`
	Thinking *string         `json:"thinking,omitempty"`
}

type anthropicUsage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
}

type anthropicMessage struct {
	ID         string         `json:"id"`
	Type       string         `json:"type"`
	Role       string         `json:"role"`
	Model      string         `json:"model"`
	Content    []block        `json:"content"`
	StopReason string         `json:"stop_reason,omitempty"`
	Usage      anthropicUsage `json:"usage"`
}

type anthropicError struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
	RequestID string `json:"request_id,omitempty"`
}

func newAnthropicError(status int, text string) anthropicError {
	e := anthropicError{Type: "error", RequestID: "req_" + randomText(24, "0123456789abcdef")}
	e.Error.Message = text
	switch status {
	case http.StatusBadRequest:
		e.Error.Type = "invalid_request_error"
	case http.StatusUnauthorized:
		e.Error.Type = "authentication_error"
	case http.StatusForbidden:
		e.Error.Type = "permission_error"
	case http.StatusNotFound:
		e.Error.Type = "not_found_error"
	case http.StatusTooManyRequests:
		e.Error.Type = "rate_limit_error"
	case http.StatusServiceUnavailable, 529:
		e.Error.Type = "overloaded_error"
	default:
		e.Error.Type = "api_error"
	}
	return e
}

func (v *anthropicVoice) refusal(status int, text string) []byte {
	return marshalLine(newAnthropicError(status, text))
}

func (*anthropicVoice) mime() (stream, whole, refusal string) { return sse, jsonBare, jsonBare }

func (*anthropicVoice) flushes() bool { return true }

// ending: nothing says that the stream has failed.
func (*anthropicVoice) ending(string) [][]byte { return nil }

func (v *anthropicVoice) lines(r record) [][]byte {
	var list [][]byte
	if !v.started {
		v.started = true
		list = append(list, v.start(r))
	}
	if r.thinking != "" && !v.thought {
		list = append(list, v.begin("thinking", block{Type: "thinking", Thinking: new(string)})...)
		list = append(list, v.delta("thinking_delta", "thinking", r.thinking))
	}
	if r.text != "" {
		list = append(list, v.begin("text", block{Type: "text", Text: new(string)})...)
		list = append(list, v.delta("text_delta", "text", r.text))
	}
	for _, call := range r.calls {
		list = append(list, v.begin("tool_use", block{Type: "tool_use", ID: call.ID, Name: call.Function.Name, Input: json.RawMessage("{}")})...)
		list = append(list, v.delta("input_json_delta", "partial_json", string(call.Function.Arguments)))
		list = append(list, v.close()...)
		v.called = true
	}
	if r.done {
		list = append(append(list, v.close()...), v.stop(r)...)
	}
	return list
}

func (v *anthropicVoice) start(r record) []byte {
	m := anthropicMessage{ID: v.id, Type: "message", Role: "assistant", Model: v.model, Content: []block{}}
	if m.Usage.InputTokens = r.PromptEvalCount; m.Usage.InputTokens == 0 {
		m.Usage.InputTokens = v.estimate
	}
	return event("message_start", struct {
		Type    string           `json:"type"`
		Message anthropicMessage `json:"message"`
	}{"message_start", m})
}

// begin opens a block of this kind, unless it is open.
func (v *anthropicVoice) begin(kind string, b block) [][]byte {
	if v.open == kind && kind != "tool_use" {
		return nil
	}
	list := v.close()
	v.open = kind
	return append(list, event("content_block_start", struct {
		Type         string `json:"type"`
		Index        int    `json:"index"`
		ContentBlock block  `json:"content_block"`
	}{"content_block_start", v.index, b}))
}

func (v *anthropicVoice) delta(kind, field, text string) []byte {
	delta := json.RawMessage(`{"type":"` + kind + `","` + field + `":` + string(marshal(text)) + `}`)
	return event("content_block_delta", struct {
		Type  string          `json:"type"`
		Index int             `json:"index"`
		Delta json.RawMessage `json:"delta"`
	}{"content_block_delta", v.index, delta})
}

func (v *anthropicVoice) close() [][]byte {
	if v.open == "" {
		return nil
	}
	v.thought = v.thought || v.open == "thinking"
	v.open = ""
	v.index++
	return [][]byte{event("content_block_stop", struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
	}{"content_block_stop", v.index - 1})}
}

func (v *anthropicVoice) stop(r record) [][]byte {
	type delta struct {
		StopReason string `json:"stop_reason,omitempty"`
	}
	return [][]byte{
		event("message_delta", struct {
			Type  string         `json:"type"`
			Delta delta          `json:"delta"`
			Usage anthropicUsage `json:"usage"`
		}{"message_delta", delta{stopReason(r.reason, v.called)}, anthropicUsage{r.PromptEvalCount, r.EvalCount}}),
		event("message_stop", struct {
			Type string `json:"type"`
		}{"message_stop"}),
	}
}

func stopReason(reason string, called bool) string {
	switch {
	case called:
		return "tool_use"
	case reason == "stop":
		return "end_turn"
	case reason == "length":
		return "max_tokens"
	case reason != "":
		return "stop_sequence"
	}
	return ""
}

func (v *anthropicVoice) whole(r record) []byte {
	m := anthropicMessage{
		ID: v.id, Type: "message", Role: "assistant", Model: r.model,
		StopReason: stopReason(r.reason, len(r.calls) > 0), Usage: anthropicUsage{r.PromptEvalCount, r.EvalCount},
	}
	if r.thinking != "" {
		m.Content = append(m.Content, block{Type: "thinking", Thinking: &r.thinking})
	}
	if r.text != "" {
		m.Content = append(m.Content, block{Type: "text", Text: &r.text})
	}
	for _, c := range r.calls {
		m.Content = append(m.Content, block{Type: "tool_use", ID: c.ID, Name: c.Function.Name, Input: c.Function.Arguments})
	}
	return marshalLine(m)
}
