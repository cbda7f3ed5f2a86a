package ollamatest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

type completionChat struct {
	Model            string              `json:"model"`
	Messages         []completionMessage `json:"messages"`
	Stream           bool                `json:"stream"`
	StreamOptions    *streamOptions      `json:"stream_options"`
	MaxTokens        *int                `json:"max_tokens"`
	Seed             *int                `json:"seed"`
	Stop             any                 `json:"stop"`
	Temperature      *float64            `json:"temperature"`
	FrequencyPenalty *float64            `json:"frequency_penalty"`
	PresencePenalty  *float64            `json:"presence_penalty"`
	TopP             *float64            `json:"top_p"`
	ResponseFormat   *responseFormat     `json:"response_format"`
	Tools            []tool              `json:"tools"`
	Reasoning        *effort             `json:"reasoning,omitempty"`
	ReasoningEffort  *string             `json:"reasoning_effort,omitempty"`
	Logprobs         *bool               `json:"logprobs"`
	TopLogprobs      int                 `json:"top_logprobs"`
}

type effort struct {
	Effort string `json:"effort,omitempty"`
}

type responseFormat struct {
	Type       string `json:"type"`
	JSONSchema *struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema,omitempty"`
}

type completionMessage struct {
	Role       string           `json:"role"`
	Content    any              `json:"content"`
	Reasoning  string           `json:"reasoning,omitempty"`
	ToolCalls  []completionTool `json:"tool_calls,omitempty"`
	Name       string           `json:"name,omitempty"`
	ToolCallID string           `json:"tool_call_id,omitempty"`
}

type completionTool struct {
	ID       string `json:"id"`
	Index    int    `json:"index"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

func (c *call) v1Chat() {
	var req completionChat
	if !c.bindV1(&req) {
		return
	}
	if len(req.Messages) == 0 {
		c.reject("[] is too short - 'messages'")
		return
	}
	chat, err := req.native()
	if err != nil {
		c.reject(err.Error())
		return
	}
	c.chatIn(&openaiChat{usage: req.StreamOptions.wantsUsage(), newer: c.newer, id: shortID("chatcmpl")}, chat, false)
}

// native is the chat as /api/chat would get it. max_completion_tokens is not read: Ollama does
// not know it.
func (r completionChat) native() (*chatRequest, error) {
	chat := &chatRequest{Model: r.Model, Stream: &r.Stream, Tools: r.Tools, TopLogprobs: r.TopLogprobs, Options: map[string]any{}}
	for _, m := range r.Messages {
		messages, err := m.native()
		if err != nil {
			return nil, err
		}
		chat.Messages = append(chat.Messages, messages...)
	}
	if r.MaxTokens != nil {
		chat.Options["num_predict"] = float64(*r.MaxTokens)
	}
	if f := r.ResponseFormat; f != nil {
		switch kind := lower(f.Type); {
		case kind == "json_object":
			chat.Format = json.RawMessage(`"json"`)
		case kind == "json_schema" && f.JSONSchema != nil:
			chat.Format = f.JSONSchema.Schema
		}
	}
	wanted := ""
	if r.Reasoning != nil {
		wanted = r.Reasoning.Effort
	} else if r.ReasoningEffort != nil {
		wanted = *r.ReasoningEffort
	}
	if wanted != "" {
		if !knownEffort(wanted) {
			return nil, fmt.Errorf(`invalid reasoning value: '%s' (must be "high", "medium", "low", "max", or "none")`, wanted)
		}
		chat.Think = &think{wanted != "none"}
	}
	return chat, nil
}

func knownEffort(s string) bool {
	return slices.Contains([]string{"high", "medium", "low", "max", "none"}, s)
}

// native is a message as the native chat knows it, where each part is a message of its own.
func (m completionMessage) native() ([]message, error) {
	for _, t := range m.ToolCalls {
		var args map[string]any
		if json.Unmarshal([]byte(t.Function.Arguments), &args) != nil {
			return nil, errors.New("invalid tool call arguments")
		}
	}
	role := strings.ToLower(m.Role)
	switch content := m.Content.(type) {
	case string:
		return []message{{Role: role, Content: content}}, nil
	case []any:
		var list []message
		for _, part := range content {
			p, err := nativePart(part)
			if err != nil {
				return nil, err
			}
			p.Role = role
			list = append(list, p)
		}
		return list, nil
	}
	if m.ToolCalls == nil {
		return nil, fmt.Errorf("invalid message content type: %T", m.Content)
	}
	return []message{{Role: role}}, nil
}

var errMessageFormat = errors.New("invalid message format")

func nativePart(v any) (message, error) {
	part, _ := v.(map[string]any)
	switch part["type"] {
	case "text":
		if text, ok := part["text"].(string); ok {
			return message{Content: text}, nil
		}
	case "image_url":
		url, ok := part["image_url"].(string)
		if inner, isMap := part["image_url"].(map[string]any); isMap {
			url, ok = inner["url"].(string)
		}
		if ok {
			image, err := dataURL(url)
			return message{Images: []imageData{image}}, err
		}
	case "input_audio":
		audio, _ := part["input_audio"].(map[string]any)
		if text, ok := audio["data"].(string); ok {
			sound, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				err = fmt.Errorf("invalid input_audio base64 data: %w", err)
			}
			return message{Images: []imageData{sound}}, err
		}
	}
	return message{}, errMessageFormat
}

// dataURL is an image that a request carries. Ollama fetches none.
func dataURL(url string) (imageData, error) {
	if strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://") {
		return nil, errors.New("image URLs are not currently supported, please use base64 encoded data instead")
	}
	for _, kind := range []string{"", "image/jpeg", "image/jpg", "image/png", "image/webp"} {
		if text, ok := strings.CutPrefix(url, "data:"+kind+";base64,"); ok {
			if image, err := base64.StdEncoding.DecodeString(text); err == nil {
				return image, nil
			}
		}
	}
	return nil, errors.New("invalid image input")
}
