package ollamatest

import (
	"encoding/json"
	"fmt"
)

// A prompt is what a request gives the model to answer, whatever the dialect.
type prompt struct {
	model     string // as the request spells it
	text      string
	empty     bool  // nothing is asked: the model is only loaded
	context   []int // of an earlier answer, from /api/generate
	tools     []tool
	format    json.RawMessage
	thinks    bool
	stream    bool
	opts      map[string]any
	keep      *keepAlive
	noShift   bool
	noContext bool // the answer carries no context: chat, raw
}

// A piece is one token, or one tool call.
type piece struct {
	text, thinking string
	calls          []toolCall
}

var thoughts = []string{"Let", " me", " think", "."}

// speech is all that a model will say to a prompt.
func speech(m *installed, p prompt) []piece {
	var said []piece
	if p.thinks {
		for _, t := range thoughts {
			said = append(said, piece{thinking: t})
		}
	}
	switch {
	case len(p.tools) > 0:
		return append(said, piece{calls: []toolCall{p.tools[0].called()}})
	case structured(p.format):
		return append(said, tokens(formatted(p.format))...)
	}
	for _, w := range m.Words {
		said = append(said, piece{text: w})
	}
	return said
}

// tokens cuts JSON into pieces of a few letters.
func tokens(s string) []piece {
	var list []piece
	for len(s) > 4 {
		list = append(list, piece{text: s[:4]})
		s = s[4:]
	}
	return append(list, piece{text: s})
}

func structured(format json.RawMessage) bool {
	switch string(format) {
	case "", "null", `""`:
		return false
	}
	return true
}

// formatted is an answer that keeps to the format: a schema's required properties, or {}.
func formatted(format json.RawMessage) string {
	var schema toolSchema
	_ = json.Unmarshal(format, &schema)
	return string(schema.filled())
}

// checkFormat has Ollama's complaint about a format, which the runner makes: it comes as a 500.
func checkFormat(format json.RawMessage) error {
	if structured(format) && string(format) != `"json"` && format[0] != '{' {
		return fmt.Errorf("invalid format: %q; expected \"json\" or a valid JSON Schema object", string(format))
	}
	return nil
}

// promptTokens is how many tokens of the prompt fit the context: what does not is cut, silently.
func promptTokens(r *runner, m *installed, p prompt) int {
	return min(m.Tokens(p.text)+len(p.context), r.context)
}

// answered is the context after an answer: one number a token, but for the
// one that every prompt begins with.
func answered(p prompt, promptTokens, said int) []int {
	list := append([]int(nil), p.context...)
	for i := len(list); i < promptTokens-1+said; i++ {
		list = append(list, 259+i)
	}
	return list
}
