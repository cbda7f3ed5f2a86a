package ollamatest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

type messagesRequest struct {
	Model         string          `json:"model"`
	MaxTokens     int             `json:"max_tokens"`
	Messages      []messageParam  `json:"messages"`
	System        any             `json:"system,omitempty"`
	Stream        bool            `json:"stream,omitempty"`
	Temperature   *float64        `json:"temperature,omitempty"`
	TopP          *float64        `json:"top_p,omitempty"`
	TopK          *int            `json:"top_k,omitempty"`
	StopSequences []string        `json:"stop_sequences,omitempty"`
	Tools         []anthropicTool `json:"tools,omitempty"`
	Thinking      *struct {
		Type string `json:"type"`
	} `json:"thinking,omitempty"`
	OutputConfig *effort `json:"output_config,omitempty"`
}

type messageParam struct {
	Role    string         `json:"role"`
	Content []contentBlock `json:"content"`
}

type contentBlock struct {
	Type     string  `json:"type"`
	Text     *string `json:"text,omitempty"`
	Thinking *string `json:"thinking,omitempty"`
	Source   *struct {
		Type string `json:"type"`
		Data string `json:"data,omitempty"`
	} `json:"source,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   any             `json:"content,omitempty"`
}

type anthropicTool struct {
	Type        string          `json:"type,omitempty"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema,omitempty"`
}

// UnmarshalJSON takes a content that is just text for a single block of text.
func (m *messageParam) UnmarshalJSON(b []byte) error {
	var raw struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	m.Role = raw.Role
	var s string
	if json.Unmarshal(raw.Content, &s) == nil {
		m.Content = []contentBlock{{Type: "text", Text: &s}}
		return nil
	}
	return json.Unmarshal(raw.Content, &m.Content)
}

func (c *call) v1Messages() {
	var req messagesRequest
	err := c.decode(&req)
	switch {
	case err != nil:
	case req.Model == "":
		err = errNoModel
	case req.MaxTokens <= 0:
		err = errors.New("max_tokens is required and must be positive")
	case len(req.Messages) == 0:
		err = errors.New("messages is required")
	}
	var chat *chatRequest
	if err == nil {
		chat, err = req.native()
	}
	if err != nil {
		c.json(http.StatusBadRequest, newAnthropicError(http.StatusBadRequest, err.Error()))
		return
	}
	if req.Stream {
		c.w.Header().Set("Content-Type", sse)
		c.w.Header().Set("Cache-Control", "no-cache")
		c.w.Header().Set("Connection", "keep-alive")
	}
	v := &anthropicVoice{id: "msg_" + randomText(24, "0123456789abcdef"), model: req.Model, estimate: req.estimate()}
	c.chatIn(v, chat, true)
}

func (r messagesRequest) native() (*chatRequest, error) {
	chat := &chatRequest{Model: r.Model, Stream: &r.Stream, Options: map[string]any{"num_predict": float64(r.MaxTokens)}}
	if system := systemText(r.System); system != "" {
		chat.Messages = append(chat.Messages, message{Role: "system", Content: system})
	}
	for _, m := range r.Messages {
		list, err := m.native()
		if err != nil {
			return nil, err
		}
		chat.Messages = append(chat.Messages, list...)
	}
	for _, t := range r.Tools {
		native := tool{Type: "function"}
		native.Function.Name = t.Name
		if len(t.InputSchema) > 0 {
			if err := json.Unmarshal(t.InputSchema, &native.Function.Parameters); err != nil {
				return nil, fmt.Errorf("invalid input_schema for tool %q: %w", t.Name, err)
			}
		}
		chat.Tools = append(chat.Tools, native)
	}
	switch {
	case r.Thinking != nil && r.Thinking.Type == "enabled":
		chat.Think = &think{true}
	case r.Thinking != nil && r.Thinking.Type == "disabled":
		chat.Think = &think{false}
	case r.OutputConfig != nil && lower(r.OutputConfig.Effort) != "none" && (knownEffort(lower(r.OutputConfig.Effort)) || lower(r.OutputConfig.Effort) == "xhigh"):
		chat.Think = &think{true}
	}
	return chat, nil
}

// systemText joins the blocks of a system prompt.
func systemText(system any) string {
	if s, ok := system.(string); ok {
		return s
	}
	blocks, _ := system.([]any)
	var b strings.Builder
	for _, block := range blocks {
		if m, ok := block.(map[string]any); ok && m["type"] == "text" {
			s, _ := m["text"].(string)
			b.WriteString(s)
		}
	}
	return b.String()
}

// native is the message as the native chat knows it, with what tools answered in messages of their own.
func (m messageParam) native() ([]message, error) {
	own := message{Role: strings.ToLower(m.Role)}
	var results []message
	said := false
	for _, b := range m.Content {
		switch b.Type {
		case "text":
			if b.Text != nil {
				own.Content += *b.Text
			}
		case "image":
			image, err := b.image()
			if err != nil {
				return nil, err
			}
			own.Images = append(own.Images, image)
		case "tool_use":
			if b.ID == "" {
				return nil, errors.New("tool_use block missing required 'id' field")
			}
			if b.Name == "" {
				return nil, errors.New("tool_use block missing required 'name' field")
			}
			said = true
		case "tool_result":
			results = append(results, message{Role: "tool", Content: systemText(b.Content), ToolCallID: b.ToolUseID})
		case "thinking":
			said = said || b.Thinking != nil && *b.Thinking != ""
		}
	}
	if own.Content == "" && own.Images == nil && !said {
		return results, nil
	}
	if own.Role == "user" {
		return append(results, own), nil
	}
	return append([]message{own}, results...), nil
}

func (b contentBlock) image() (imageData, error) {
	if b.Source == nil {
		return nil, errors.New("invalid image source")
	}
	if b.Source.Type != "base64" {
		//lint:ignore ST1005 Ollama's own text
		return nil, fmt.Errorf("invalid image source type: %s. Only base64 images are supported.", b.Source.Type)
	}
	image, err := base64.StdEncoding.DecodeString(b.Source.Data)
	if err != nil {
		return nil, fmt.Errorf("invalid base64 image data: %w", err)
	}
	return image, nil
}

// estimate is Ollama's guess at the tokens of the request, a quarter of its letters: a stream
// begins with it, and ends with the true number.
func (r messagesRequest) estimate() int {
	n := len(systemText(r.System))
	for _, m := range r.Messages {
		n += len(m.Role)
		for _, b := range m.Content {
			for _, s := range []*string{b.Text, b.Thinking} {
				if s != nil {
					n += len(*s)
				}
			}
			if b.Type == "tool_use" || b.Type == "tool_result" {
				n += len(marshal(b))
			}
		}
	}
	for _, t := range r.Tools {
		n += len(t.Name) + len(t.Description) + len(t.InputSchema)
	}
	return max(n/4, 1)
}
