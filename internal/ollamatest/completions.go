package ollamatest

import (
	"fmt"
	"time"
)

type completionRequest struct {
	Model            string         `json:"model"`
	Prompt           string         `json:"prompt"`
	FrequencyPenalty float32        `json:"frequency_penalty"`
	MaxTokens        *int           `json:"max_tokens"`
	PresencePenalty  float32        `json:"presence_penalty"`
	Seed             *int           `json:"seed"`
	Stop             any            `json:"stop"`
	Stream           bool           `json:"stream"`
	StreamOptions    *streamOptions `json:"stream_options"`
	Temperature      *float32       `json:"temperature"`
	TopP             float32        `json:"top_p"`
	Suffix           string         `json:"suffix"`
	Logprobs         *int           `json:"logprobs"`
}

func (c *call) v1Completions() {
	var req completionRequest
	if !c.bindV1(&req) {
		return
	}
	if stops, ok := req.Stop.([]any); ok {
		for _, s := range stops {
			if _, ok := s.(string); !ok {
				c.reject(fmt.Sprintf("invalid type for 'stop' field: %T", s))
				return
			}
		}
	}
	generate := &generateRequest{Model: req.Model, Prompt: req.Prompt, Suffix: req.Suffix, Stream: &req.Stream, Options: map[string]any{}}
	if req.MaxTokens != nil {
		generate.Options["num_predict"] = float64(*req.MaxTokens)
	}
	if req.Logprobs != nil {
		generate.TopLogprobs = max(*req.Logprobs, 0)
	}
	c.generateIn(&openaiCompletion{id: shortID("cmpl"), usage: req.StreamOptions.wantsUsage()}, generate)
}

// openaiCompletion is the voice of /v1/completions.
type openaiCompletion struct {
	openaiVoice
	id    string
	usage bool
}

type completionChoice struct {
	Text         string  `json:"text"`
	Index        int     `json:"index"`
	FinishReason *string `json:"finish_reason"`
}

type completionChunk struct {
	ID                string             `json:"id"`
	Object            string             `json:"object"`
	Created           int64              `json:"created"`
	Choices           []completionChoice `json:"choices"`
	Model             string             `json:"model"`
	SystemFingerprint string             `json:"system_fingerprint"`
	Usage             *usage             `json:"usage,omitempty"`
}

func (v *openaiCompletion) chunk(r record) completionChunk {
	c := completionChunk{
		ID: v.id, Object: "text_completion", Created: time.Now().Unix(), Model: r.model, SystemFingerprint: "fp_ollama",
		Choices: []completionChoice{{Text: r.text, FinishReason: finish(r.reason)}},
	}
	if v.usage {
		c.Usage = &usage{}
	}
	return c
}

func (v *openaiCompletion) lines(r record) [][]byte {
	c := v.chunk(r)
	list := [][]byte{data(c)}
	if !r.done {
		return list
	}
	if v.usage {
		c.Choices, c.Usage = []completionChoice{}, r.usage()
		list = append(list, data(c))
	}
	return append(list, doneLine)
}

func (v *openaiCompletion) whole(r record) []byte {
	return marshalLine(struct {
		ID                string             `json:"id"`
		Object            string             `json:"object"`
		Created           int64              `json:"created"`
		Model             string             `json:"model"`
		SystemFingerprint string             `json:"system_fingerprint"`
		Choices           []completionChoice `json:"choices"`
		Usage             *usage             `json:"usage"`
	}{v.id, "text_completion", r.at.Unix(), r.model, "fp_ollama", []completionChoice{{Text: r.text, FinishReason: finish(r.reason)}}, r.usage()})
}

func (v *openaiCompletion) ending(string) [][]byte { return [][]byte{data(v.chunk(record{}))} }
