package e2e

import (
	"encoding/json"
	"errors"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"
)

// told is the status and the text of an error as its library tells them; of a stream that broke, only the text.
func told(err error) (status int, text string) {
	var native api.StatusError
	var open *openai.Error
	var broken *ssestream.StreamError
	var claude *anthropic.Error
	switch {
	case err == nil:
		return 0, ""
	case errors.As(err, &native):
		return native.StatusCode, native.ErrorMessage
	case errors.As(err, &open):
		return open.StatusCode, open.Message
	case errors.As(err, &broken):
		return 0, nested(broken.Event.Data)
	case errors.As(err, &claude):
		return claude.StatusCode, nested([]byte(claude.RawJSON()))
	}
	return 0, err.Error()
}

// nested is the message of an error body of OpenAI's or Anthropic's.
func nested(body []byte) string {
	var b struct{ Error struct{ Message string } }
	_ = json.Unmarshal(body, &b) // a body that is something else has no message
	return b.Error.Message
}
