package rewrite

import (
	"encoding/json"
	"strconv"

	"gollamas/internal/ollama"
)

// Load is the body of a native request with nothing in it, which has a model loaded just so, and
// kept for as long as is said.
func Load(model string, keep Rule[KeepAlive], r ollama.Runner) []byte {
	name, _ := json.Marshal(model) // a string always encodes
	body := append([]byte(`{"model":`), name...)
	if keep.Said() {
		body = append(append(body, `,"keep_alive":`...), keep.Value.JSON()...)
	}
	if r.NumCtx > 0 || r.Rest != "" {
		body = append(append(body, `,"options":{`...), options(r)...)
		body = append(body, '}')
	}
	if r.NoShift {
		body = append(body, `,"shift":false`...)
	}
	return append(body, `,"stream":false}`...)
}

// options are a runner's, as members of an object.
func options(r ollama.Runner) []byte {
	if r.NumCtx == 0 {
		return []byte(r.Rest)
	}
	b := strconv.AppendInt([]byte(`"`+numCtx+`":`), int64(r.NumCtx), 10)
	if r.Rest != "" {
		b = append(append(b, ','), r.Rest...)
	}
	return b
}
