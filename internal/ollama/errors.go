package ollama

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

// ErrorBody is an error in a dialect, as Ollama writes it.
func ErrorBody(d Dialect, status int, text string) []byte {
	switch d {
	case OpenAI:
		return encode(openAIError(status, text))
	case Anthropic:
		return encode(anthropicError(status, text))
	}
	return encode(nativeError{text})
}

// ErrorRecord is what a stream that is already under way is ended with when it
// fails. It begins on a new line: whatever was cut short stands before it.
// Responses streams have their own event, so path matters within a dialect.
func ErrorRecord(d Dialect, path, text string) []byte {
	const status = http.StatusInternalServerError
	switch {
	case d == Anthropic:
		return event("error", encode(anthropicError(status, text)))
	case path == "/v1/responses":
		return event("error", encode(responsesError{"error", "server_error", text, openAIError(status, text).Error}))
	case d == OpenAI:
		return event("", encode(openAIError(status, text)))
	}
	return append(encode(nativeError{text}), '\n')
}

func event(name string, data []byte) []byte {
	var b bytes.Buffer
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return b.Bytes()
}

type nativeError struct {
	Error string `json:"error"`
}

type openAIBody struct {
	Error openAIDetail `json:"error"`
}

type openAIDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// openAIError has Ollama's types: openai.go:225.
func openAIError(status int, text string) openAIBody {
	typ := "api_error"
	switch status {
	case http.StatusBadRequest:
		typ = "invalid_request_error"
	case http.StatusNotFound:
		typ = "not_found_error"
	}
	return openAIBody{openAIDetail{Message: text, Type: typ}}
}

// responsesError is the error event of a Responses stream: OpenAI's clients
// read the flat fields, or the nested ones, by version.
type responsesError struct {
	Type    string       `json:"type"`
	Code    string       `json:"code"`
	Message string       `json:"message"`
	Error   openAIDetail `json:"error"`
}

type anthropicBody struct {
	Type      string          `json:"type"`
	Error     anthropicDetail `json:"error"`
	RequestID string          `json:"request_id"`
}

type anthropicDetail struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// anthropicError has Ollama's types: anthropic.go:38.
func anthropicError(status int, text string) anthropicBody {
	typ := "api_error"
	switch status {
	case http.StatusBadRequest:
		typ = "invalid_request_error"
	case http.StatusUnauthorized:
		typ = "authentication_error"
	case http.StatusForbidden:
		typ = "permission_error"
	case http.StatusNotFound:
		typ = "not_found_error"
	case http.StatusTooManyRequests:
		typ = "rate_limit_error"
	case http.StatusServiceUnavailable, 529:
		typ = "overloaded_error"
	}
	return anthropicBody{"error", anthropicDetail{typ, text}, "req_" + randomHex(12)}
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: it ends the program instead
	return hex.EncodeToString(b)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only strings and structs of ours are encoded here
	}
	return b
}

// faults are what a 500 says where it is the server that failed: server.go and
// sched.go of Ollama, and its runners. Much else is a 500 too: an option of the wrong type, or more memory
// than there is, which may be for the context that was asked for.
var faults = []string{
	"runner process",       // llama runner process has terminated
	"llama-server process", // the same since v0.30
	"model runner has unexpectedly stopped",
	"error was encountered while running the model",
	"unable to load model",
	"error loading model",
	"timed out waiting for", // the runner to start
	"CUDA error",
}

// ServerFault says whether the text of an error tells of the server rather than of the request.
func ServerFault(text string) bool {
	if strings.HasPrefix(text, "error parsing tool call") { // it quotes what the model has said
		return false
	}
	for _, f := range faults {
		if strings.Contains(text, f) {
			return true
		}
	}
	return false
}
