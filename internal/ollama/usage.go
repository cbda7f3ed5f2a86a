package ollama

import (
	"bytes"
	"strconv"
)

// Usage is how many tokens an answer says it took. Said is false where it does not say.
type Usage struct {
	Prompt, Answer int
	Said           bool
}

// usageKeys are the names the dialects give the two figures.
var usageKeys = [...]struct{ prompt, answer string }{
	{`"prompt_eval_count":`, `"eval_count":`},    // native
	{`"prompt_tokens":`, `"completion_tokens":`}, // OpenAI
	{`"input_tokens":`, `"output_tokens":`},      // Responses and Anthropic
}

// UsageIn finds the figures in an answer's end: the last of each name, whatever the dialect. Inside a string a key's quotes
// are escaped, so text is never taken for one; what a model has a tool called with is not read where a usage stands behind it.
func UsageIn(tail []byte) Usage {
	if i := bytes.LastIndex(tail, []byte(`"usage":`)); i >= 0 {
		if u := figures(tail[i:]); u.Said {
			return u
		}
	}
	return figures(tail)
}

func figures(tail []byte) Usage {
	for _, k := range usageKeys {
		prompt, ok := lastInt(tail, k.prompt)
		answer, also := lastInt(tail, k.answer)
		if ok || also {
			return Usage{prompt, answer, true}
		}
	}
	return Usage{}
}

// mostFigure is more tokens than any answer takes.
const mostFigure = 1 << 30

func lastInt(b []byte, key string) (int, bool) {
	i := bytes.LastIndex(b, []byte(key))
	if i < 0 {
		return 0, false
	}
	b = bytes.TrimLeft(b[i+len(key):], " ")
	end := 0
	for end < len(b) && b[end] >= '0' && b[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(b[:end]))
	if err != nil || n > mostFigure { // none, or more than there can be
		return 0, false
	}
	return n, true
}
