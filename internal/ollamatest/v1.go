package ollamatest

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	cloudOff      = "ollama cloud is disabled: "
	remoteModel   = "remote model is unavailable"
	remoteDetails = "remote model details are unavailable"
	badName       = "invalid model name"
	longestZstd   = 20 << 20
)

func notFound(name string) string { return "model '" + name + "' not found" }

// v1 is what stands before the routes of the other dialects: it decodes zstd and turns away
// names of the cloud. What it refuses has the native shape.
func v1(handle func(*call)) func(*call) {
	return func(c *call) {
		if c.r.Header.Get("Content-Encoding") == "zstd" && c.opts.Zstd != nil && !c.unpack() {
			return
		}
		body, err := c.body()
		if err != nil {
			c.fail(http.StatusBadRequest, err.Error())
			return
		}
		if ref, err := parseReference(exactModel(body)); err == nil && ref.source == cloud {
			c.fail(http.StatusForbidden, cloudOff+remoteModel)
			return
		}
		handle(c)
	}
}

func (c *call) unpack() bool {
	packed, err := c.body()
	if err == nil {
		c.read, err = c.opts.Zstd(packed)
	}
	switch {
	case err != nil:
		c.fail(http.StatusBadRequest, err.Error())
	case len(c.read) > longestZstd:
		c.fail(http.StatusBadRequest, "http: request body too large")
	default:
		return true
	}
	return false
}

// exactModel is the model of a body as the check for cloud names sees it: the exact key only,
// and only if nothing follows the object.
func exactModel(body []byte) string {
	var fields map[string]json.RawMessage
	var name string
	if json.Unmarshal(body, &fields) == nil {
		_ = json.Unmarshal(fields["model"], &name)
	}
	return name
}

// bindV1 decodes an OpenAI request, or answers why not.
func (c *call) bindV1(v any) bool {
	err := c.decode(v)
	if err != nil {
		c.reject(err.Error())
	}
	return err == nil
}

// reject answers an OpenAI request that is wrong in itself.
func (c *call) reject(text string) {
	c.json(http.StatusBadRequest, newOpenaiError(http.StatusBadRequest, text))
}

type openaiError struct {
	Error struct {
		Message string `json:"message"`
		Type    string `json:"type"`
		Param   any    `json:"param"`
		Code    any    `json:"code"`
	} `json:"error"`
}

func newOpenaiError(status int, text string) openaiError {
	var e openaiError
	e.Error.Message = text
	switch status {
	case http.StatusBadRequest:
		e.Error.Type = "invalid_request_error"
	case http.StatusNotFound:
		e.Error.Type = "not_found_error"
	default:
		e.Error.Type = "api_error"
	}
	return e
}

// openaiVoice is what the OpenAI dialects have in common.
type openaiVoice struct{}

func (openaiVoice) refusal(status int, text string) []byte {
	return marshalLine(newOpenaiError(status, text))
}

func (openaiVoice) mime() (stream, whole, refusal string) { return sse, jsonBare, jsonBare }

func (openaiVoice) flushes() bool { return false }

func data(v any) []byte { return []byte("data: " + string(marshal(v)) + "\n\n") }

func event(name string, v any) []byte {
	return []byte("event: " + name + "\ndata: " + string(marshal(v)) + "\n\n")
}

var doneLine = []byte("data: [DONE]\n\n")

// finish is a finish_reason: null until there is one.
func finish(reason string) *string {
	if reason == "" {
		return nil
	}
	return &reason
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func (r record) usage() *usage {
	return &usage{r.PromptEvalCount, r.EvalCount, r.PromptEvalCount + r.EvalCount}
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

func (o *streamOptions) wantsUsage() bool { return o != nil && o.IncludeUsage }

func lower(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
