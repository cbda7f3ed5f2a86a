package ollamatest

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"
)

// A record is one piece of what a model says, before a dialect has written it down.
type record struct {
	model    string // as the request spelled it
	at       time.Time
	text     string
	thinking string
	calls    []toolCall
	done     bool
	reason   string
	context  []int
	metrics
}

type metrics struct {
	TotalDuration      time.Duration `json:"total_duration,omitempty"`
	LoadDuration       time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount    int           `json:"prompt_eval_count,omitempty"`
	PromptEvalDuration time.Duration `json:"prompt_eval_duration,omitempty"`
	EvalCount          int           `json:"eval_count,omitempty"`
	EvalDuration       time.Duration `json:"eval_duration,omitempty"`
}

// A message is one of a chat.
type message struct {
	Role       string      `json:"role"`
	Content    string      `json:"content"`
	Thinking   string      `json:"thinking,omitempty"`
	Images     []imageData `json:"images,omitempty"`
	ToolCalls  []toolCall  `json:"tool_calls,omitempty"`
	ToolName   string      `json:"tool_name,omitempty"`
	ToolCallID string      `json:"tool_call_id,omitempty"`
}

type imageData []byte

// UnmarshalJSON exists because Ollama's does: a wrong type inside is reported for the Alias.
func (m *message) UnmarshalJSON(b []byte) error {
	type Alias message
	var a Alias
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	*m = message(a)
	m.Role = strings.ToLower(m.Role)
	return nil
}

type toolCall struct {
	ID       string `json:"id,omitempty"`
	Function struct {
		Index     int             `json:"index"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// A tool is one the client offers.
type tool struct {
	Type     string       `json:"type"`
	Function toolFunction `json:"function"`
}

type toolFunction struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Parameters  toolSchema `json:"parameters"`
}

type toolSchema struct {
	Type       string          `json:"type"`
	Required   []string        `json:"required,omitempty"`
	Properties json.RawMessage `json:"properties"`
}

// called is the call a model makes of a tool: every required property has a value.
func (t tool) called() toolCall {
	var c toolCall
	c.ID = "call_" + randomText(8, "abcdefghijklmnopqrstuvwxyz0123456789")
	c.Function.Name = t.Function.Name
	c.Function.Arguments = t.Function.Parameters.filled()
	return c
}

// filled is an object with every required property, in their order.
func (s toolSchema) filled() json.RawMessage {
	var properties map[string]json.RawMessage
	_ = json.Unmarshal(s.Properties, &properties)
	b := []byte("{")
	for i, k := range s.Required {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, marshal(k)...), ':')
		b = append(b, valueOf(properties[k])...)
	}
	return append(b, '}')
}

// valueOf is a value that keeps to a schema: the first of an enum, or the plainest of its type.
func valueOf(schema json.RawMessage) json.RawMessage {
	var enum struct{ Enum []json.RawMessage }
	var nested toolSchema
	_ = json.Unmarshal(schema, &enum)
	_ = json.Unmarshal(schema, &nested)
	if len(enum.Enum) > 0 {
		return enum.Enum[0]
	}
	switch nested.Type {
	case "object":
		return nested.filled()
	case "array":
		return json.RawMessage("[]")
	case "integer", "number":
		return json.RawMessage("1")
	case "boolean":
		return json.RawMessage("true")
	}
	return json.RawMessage(`"x"`)
}

func randomText(n int, letters string) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))] // #nosec G404 -- as Ollama makes them
	}
	return string(b)
}
