package ollamatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

type responsesRequest struct {
	Model           string           `json:"model"`
	Background      bool             `json:"background"`
	Conversation    json.RawMessage  `json:"conversation"`
	Include         []string         `json:"include"`
	Input           responsesInput   `json:"input"`
	Instructions    string           `json:"instructions,omitempty"`
	MaxOutputTokens *int             `json:"max_output_tokens,omitempty"`
	Reasoning       reasoningRequest `json:"reasoning"`
	Temperature     *float64         `json:"temperature"`
	Text            *responsesText   `json:"text,omitempty"`
	TopP            *float64         `json:"top_p"`
	Truncation      *string          `json:"truncation"`
	Tools           []responsesTool  `json:"tools,omitempty"`
	Stream          *bool            `json:"stream,omitempty"`
}

type reasoningRequest struct {
	Effort  string `json:"effort,omitempty"`
	Summary string `json:"summary,omitempty"`
}

type responsesText struct {
	Format *textFormat `json:"format,omitempty"`
}

type textFormat struct {
	Type   string          `json:"type"`
	Name   string          `json:"name,omitempty"`
	Schema json.RawMessage `json:"schema,omitempty"`
	Strict *bool           `json:"strict,omitempty"`
}

type responsesTool struct {
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Description *string        `json:"description"`
	Strict      *bool          `json:"strict"`
	Parameters  map[string]any `json:"parameters"`
}

// responsesInput is a text, or a list of items that become messages.
type responsesInput struct{ messages []message }

func (in *responsesInput) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		if s != "" {
			in.messages = []message{{Role: "user", Content: s}}
		}
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(b, &items); err != nil {
		return fmt.Errorf("input must be a string or array: %w", err)
	}
	for i, item := range items {
		m, err := responsesItem(item)
		if err != nil {
			return fmt.Errorf("input[%d]: %w", i, err)
		}
		in.messages = append(in.messages, m...)
	}
	return nil
}

func responsesItem(b json.RawMessage) ([]message, error) {
	var kind struct {
		Type string `json:"type"`
		Role string `json:"role"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return nil, err
	}
	var item struct {
		CallID  string          `json:"call_id"`
		Content json.RawMessage `json:"content"`
		Output  json.RawMessage `json:"output"`
	}
	if err := json.Unmarshal(b, &item); err != nil {
		return nil, err
	}
	switch {
	case kind.Type == "message" || kind.Type == "" && kind.Role != "":
		m, err := responsesContent("content", item.Content)
		m.Role = kind.Role
		return []message{m}, err
	case kind.Type == "function_call":
		return []message{{Role: "assistant"}}, nil
	case kind.Type == "function_call_output":
		m, err := responsesContent("output", item.Output)
		m.Role, m.ToolCallID = "tool", item.CallID
		return []message{m}, err
	case kind.Type == "reasoning":
		return nil, nil
	case kind.Type == "":
		return nil, errors.New("input item missing required 'type' field")
	}
	return nil, fmt.Errorf("unknown input item type: %q", kind.Type)
}

func responsesContent(field string, b json.RawMessage) (m message, err error) {
	if len(b) == 0 || json.Unmarshal(b, &m.Content) == nil {
		return m, nil
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return m, fmt.Errorf("%s must be a string or array: %w", field, err)
	}
	var text strings.Builder
	for i, p := range parts {
		var part struct {
			Type     string `json:"type"`
			Text     string `json:"text"`
			ImageURL string `json:"image_url"`
		}
		err := json.Unmarshal(p, &part)
		switch {
		case err != nil:
		case part.Type == "input_text" || part.Type == "output_text":
			text.WriteString(part.Text)
		case part.Type == "input_image" && part.ImageURL != "":
			var image imageData
			image, err = dataURL(part.ImageURL)
			m.Images = append(m.Images, image)
		case part.Type == "input_image" || part.Type == "input_file":
		default:
			err = fmt.Errorf("unknown content type: %s", part.Type)
		}
		if err != nil {
			return m, fmt.Errorf("%s[%d]: %w", field, i, err)
		}
	}
	m.Content = text.String()
	return m, nil
}

func (c *call) v1Responses() {
	var req responsesRequest
	if !c.bindV1(&req) {
		return
	}
	chat, err := req.native()
	if err != nil {
		c.reject(err.Error())
		return
	}
	if *chat.Stream {
		c.w.Header().Set("Content-Type", sse)
		c.w.Header().Set("Cache-Control", "no-cache")
		c.w.Header().Set("Connection", "keep-alive")
	}
	c.chatIn(newResponsesVoice(req), chat, false)
}

func (r responsesRequest) native() (*chatRequest, error) {
	stream := r.Stream != nil && *r.Stream
	chat := &chatRequest{Model: r.Model, Stream: &stream, Options: map[string]any{}}
	if r.Instructions != "" {
		chat.Messages = append(chat.Messages, message{Role: "system", Content: r.Instructions})
	}
	chat.Messages = append(chat.Messages, r.Input.messages...)
	if r.MaxOutputTokens != nil {
		chat.Options["num_predict"] = float64(*r.MaxOutputTokens)
	}
	if e := r.Reasoning.Effort; e != "" {
		if !knownEffort(e) {
			return nil, fmt.Errorf(`invalid reasoning value: %q (must be "high", "medium", "low", "max", or "none")`, e)
		}
		chat.Think = &think{e != "none"}
	}
	for _, t := range r.Tools {
		native := tool{Type: t.Type}
		native.Function.Name = t.Name
		_ = json.Unmarshal(marshal(t.Parameters), &native.Function.Parameters)
		chat.Tools = append(chat.Tools, native)
	}
	if r.Text != nil && r.Text.Format != nil && r.Text.Format.Type == "json_schema" {
		chat.Format = r.Text.Format.Schema
	}
	return chat, nil
}
