package ollamatest

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// openaiChat is the voice of /v1/chat/completions.
type openaiChat struct {
	openaiVoice
	id     string
	usage  bool
	newer  bool
	called bool // a tool call has been sent
	role   bool // the role has been sent, which the newer Ollama does once
}

// shortID is an id as Ollama makes them: hardly random.
func shortID(prefix string) string { return fmt.Sprintf("%s-%d", prefix, rand.IntN(999)) } // #nosec G404 -- as Ollama makes them

type openaiMessage struct {
	Role      string           `json:"role"`
	Content   string           `json:"content"`
	Reasoning string           `json:"reasoning,omitempty"`
	ToolCalls []completionTool `json:"tool_calls,omitempty"`
}

// openaiDelta is the same in the chunks of the newer Ollama, where what is empty is left out.
type openaiDelta struct {
	Role      string           `json:"role,omitempty"`
	Content   string           `json:"content,omitempty"`
	Reasoning string           `json:"reasoning,omitempty"`
	ToolCalls []completionTool `json:"tool_calls,omitempty"`
}

type chatChunk struct {
	ID                string `json:"id"`
	Object            string `json:"object"`
	Created           int64  `json:"created"`
	Model             string `json:"model"`
	SystemFingerprint string `json:"system_fingerprint"`
	Choices           []any  `json:"choices"`
	Usage             *usage `json:"usage,omitempty"`
}

type chunkChoice struct {
	Index        int     `json:"index"`
	Delta        any     `json:"delta"`
	FinishReason *string `json:"finish_reason"`
}

type chatChoice struct {
	Index        int           `json:"index"`
	Message      openaiMessage `json:"message"`
	FinishReason *string       `json:"finish_reason"`
}

func (v *openaiChat) envelope(r record, object string) chatChunk {
	return chatChunk{ID: v.id, Object: object, Created: time.Now().Unix(), Model: r.model, SystemFingerprint: "fp_ollama", Choices: []any{}}
}

func (v *openaiChat) lines(r record) [][]byte {
	list := [][]byte{data(v.chunk(r))}
	if !r.done {
		return list
	}
	if v.usage {
		last := v.envelope(r, "chat.completion.chunk")
		last.Usage = r.usage()
		list = append(list, data(last))
	}
	return append(list, doneLine)
}

func (v *openaiChat) chunk(r record) chatChunk {
	calls := openaiCalls(r.calls)
	v.called = v.called || len(calls) > 0
	if r.done && v.called {
		r.reason = "tool_calls"
	}
	c := v.envelope(r, "chat.completion.chunk")
	c.Choices = append(c.Choices, chunkChoice{Delta: v.delta(r, calls), FinishReason: finish(r.reason)})
	return c
}

func (v *openaiChat) delta(r record, calls []completionTool) any {
	if !v.newer {
		return openaiMessage{Role: "assistant", Content: r.text, Reasoning: r.thinking, ToolCalls: calls}
	}
	d := openaiDelta{Content: r.text, Reasoning: r.thinking, ToolCalls: calls}
	if !v.role {
		d.Role, v.role = "assistant", true
	}
	return d
}

func (v *openaiChat) whole(r record) []byte {
	calls := openaiCalls(r.calls)
	if len(calls) > 0 {
		r.reason = "tool_calls"
	}
	role := "assistant"
	if r.at.IsZero() {
		role = ""
	}
	c := v.envelope(r, "chat.completion")
	c.Created = r.at.Unix()
	c.Usage = r.usage()
	c.Choices = append(c.Choices, chatChoice{
		Message:      openaiMessage{Role: role, Content: r.text, Reasoning: r.thinking, ToolCalls: calls},
		FinishReason: finish(r.reason),
	})
	return marshalLine(c)
}

// ending is the error as it comes out of Ollama's translation: a chunk of nothing.
func (v *openaiChat) ending(string) [][]byte { return [][]byte{data(v.chunk(record{}))} }

func openaiCalls(calls []toolCall) []completionTool {
	var list []completionTool
	for _, c := range calls {
		t := completionTool{ID: c.ID, Index: c.Function.Index, Type: "function"}
		t.Function.Name, t.Function.Arguments = c.Function.Name, string(c.Function.Arguments)
		list = append(list, t)
	}
	return list
}
