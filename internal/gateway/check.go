package gateway

import "gollamas/internal/ollama"

// A check is what Ollama looks at before it looks for the model; it returns
// Ollama's text for what is wrong, "" for nothing. It is asked only where gollamas
// would refuse the request itself: else the server checks.
type check func(o *ollama.Object, model string) string

func hasMessages(o *ollama.Object, _ string) string {
	if o.Empty(ollama.FieldMessages) {
		return "[] is too short - 'messages'"
	}
	return ""
}

func hasInput(o *ollama.Object, _ string) string {
	if o.Missing(ollama.FieldInput) {
		return "invalid input"
	}
	return ""
}

func hasTurn(o *ollama.Object, model string) string {
	switch {
	case model == "":
		return "model is required"
	case o.Empty(ollama.FieldMaxTokens):
		return "max_tokens is required and must be positive"
	case o.Empty(ollama.FieldMessages):
		return "messages is required"
	}
	return ""
}
