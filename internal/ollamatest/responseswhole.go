package ollamatest

import (
	"encoding/json"
	"fmt"
	"time"
)

// response is the whole object, as the events of a stream carry it.
func (v *responsesVoice) response(status string, output []any, usage fields) fields {
	r := v.req
	return fields{
		"id": v.id, "object": "response", "created_at": time.Now().Unix(), "completed_at": nil, "status": status,
		"incomplete_details": nil, "model": r.Model, "previous_response_id": nil, "instructions": orNil(r.Instructions),
		"output": output, "error": nil, "tools": sorted(orEmpty(r.Tools)), "tool_choice": "auto",
		"truncation": orValue(r.Truncation, "disabled"), "parallel_tool_calls": true, "text": fields{"format": sorted(r.format())},
		"top_p": orValue(r.TopP, 1), "presence_penalty": 0, "frequency_penalty": 0, "top_logprobs": 0,
		"temperature": orValue(r.Temperature, 1), "reasoning": r.reasoningEcho(), "usage": usage,
		"max_output_tokens": r.MaxOutputTokens, "max_tool_calls": nil, "store": false, "background": r.Background,
		"service_tier": "default", "metadata": fields{}, "safety_identifier": nil, "prompt_cache_key": nil,
	}
}

// sorted is v with the keys of its objects in order, as the events of a stream
// have them; what stands deeper stays as it was sent.
func sorted(v any) any {
	raw := marshal(v)
	var list []map[string]json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		return object
	}
	return v
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func orValue[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

func (r responsesRequest) format() textFormat {
	if r.Text != nil && r.Text.Format != nil {
		return *r.Text.Format
	}
	return textFormat{Type: "text"}
}

func (r responsesRequest) reasoningEcho() any {
	if r.Reasoning == (reasoningRequest{}) {
		return nil
	}
	return fields{"effort": orNil(r.Reasoning.Effort), "summary": orNil(r.Reasoning.Summary)}
}

// wholeResponse is the same object as an answer in one piece, in the order Ollama writes it.
type wholeResponse struct {
	ID                 string          `json:"id"`
	Object             string          `json:"object"`
	CreatedAt          int64           `json:"created_at"`
	CompletedAt        int64           `json:"completed_at"`
	Status             string          `json:"status"`
	IncompleteDetails  any             `json:"incomplete_details"`
	Model              string          `json:"model"`
	PreviousResponseID any             `json:"previous_response_id"`
	Instructions       any             `json:"instructions"`
	Output             []outputItem    `json:"output"`
	Error              any             `json:"error"`
	Tools              []responsesTool `json:"tools"`
	ToolChoice         string          `json:"tool_choice"`
	Truncation         string          `json:"truncation"`
	ParallelToolCalls  bool            `json:"parallel_tool_calls"`
	Text               struct {
		Format textFormat `json:"format"`
	} `json:"text"`
	TopP             float64           `json:"top_p"`
	PresencePenalty  float64           `json:"presence_penalty"`
	FrequencyPenalty float64           `json:"frequency_penalty"`
	TopLogprobs      int               `json:"top_logprobs"`
	Temperature      float64           `json:"temperature"`
	Reasoning        *reasoningRequest `json:"reasoning"`
	Usage            struct {
		InputTokens        int             `json:"input_tokens"`
		OutputTokens       int             `json:"output_tokens"`
		TotalTokens        int             `json:"total_tokens"`
		InputTokensDetails json.RawMessage `json:"input_tokens_details"`
		OutputDetails      json.RawMessage `json:"output_tokens_details"`
	} `json:"usage"`
	MaxOutputTokens  *int   `json:"max_output_tokens"`
	MaxToolCalls     any    `json:"max_tool_calls"`
	Store            bool   `json:"store"`
	Background       bool   `json:"background"`
	ServiceTier      string `json:"service_tier"`
	Metadata         fields `json:"metadata"`
	SafetyIdentifier any    `json:"safety_identifier"`
	PromptCacheKey   any    `json:"prompt_cache_key"`
}

type outputItem struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Status    string          `json:"status,omitempty"`
	Role      string          `json:"role,omitempty"`
	Content   json.RawMessage `json:"content,omitempty"`
	CallID    string          `json:"call_id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Arguments string          `json:"arguments,omitempty"`
	Summary   json.RawMessage `json:"summary,omitempty"`
	Encrypted string          `json:"encrypted_content,omitempty"`
}

func (v *responsesVoice) whole(r record) []byte {
	q := v.req
	w := wholeResponse{
		ID: v.id, Object: "response", CreatedAt: r.at.Unix(), CompletedAt: time.Now().Unix(), Status: "completed",
		Model: q.Model, Instructions: orNil(q.Instructions), Output: v.output(r), Tools: orEmpty(q.Tools), ToolChoice: "auto",
		Truncation: orValue(q.Truncation, "disabled"), ParallelToolCalls: true, TopP: orValue(q.TopP, 1),
		Temperature: orValue(q.Temperature, 1), MaxOutputTokens: q.MaxOutputTokens, Background: q.Background,
		ServiceTier: "default", Metadata: fields{},
	}
	w.Text.Format = q.format()
	if q.Reasoning != (reasoningRequest{}) {
		w.Reasoning = &q.Reasoning
	}
	w.Usage.InputTokens, w.Usage.OutputTokens = r.PromptEvalCount, r.EvalCount
	w.Usage.TotalTokens = r.PromptEvalCount + r.EvalCount
	w.Usage.InputTokensDetails = json.RawMessage(`{"cached_tokens":0}`)
	w.Usage.OutputDetails = json.RawMessage(`{"reasoning_tokens":0}`)
	return marshalLine(w)
}

func (v *responsesVoice) output(r record) []outputItem {
	var list []outputItem
	if r.thinking != "" {
		summary := json.RawMessage(`[{"type":"summary_text","text":` + string(marshal(r.thinking)) + `}]`)
		list = append(list, outputItem{ID: "rs_" + v.id, Type: "reasoning", Summary: summary, Encrypted: r.thinking})
	}
	for i, c := range r.calls {
		list = append(list, outputItem{
			ID: fmt.Sprintf("fc_%s_%d", v.id, i), Type: "function_call", Status: "completed",
			CallID: c.ID, Name: c.Function.Name, Arguments: string(c.Function.Arguments),
		})
	}
	if len(r.calls) == 0 {
		content := json.RawMessage(`[{"type":"output_text","text":` + string(marshal(r.text)) + `,"annotations":[],"logprobs":[]}]`)
		list = append(list, outputItem{ID: v.item, Type: "message", Status: "completed", Role: "assistant", Content: content})
	}
	return list
}
