// Package rewrite is the edits to a request: what a rule or an alias names, and no other byte.
package rewrite

import "gollamas/internal/ollama"

// A Model is the name a request asks for, and where it stands in its body.
type Model struct {
	Object ollama.Object
	Field  ollama.Field
	Asked  string // as the client wrote it
}

// Body returns the request's body with name in the place of the model's, and more edits done, in
// pieces that share the original's bytes. An empty name means the client's own: then
// only what two parsers could read differently is settled.
func (m Model) Body(name string, more ...ollama.Splice) [][]byte {
	edits := append(m.Edits(name), more...)
	if len(edits) == 0 {
		return [][]byte{m.Object.Body}
	}
	return ollama.Segments(m.Object.Body, edits)
}

// Edits are the splices that put name in the place of the model's.
func (m Model) Edits(name string) []ollama.Splice {
	if name == "" {
		name = m.Asked
	}
	if name == m.Asked && !m.Object.Ambiguous(m.Field) {
		return nil
	}
	return m.Object.Replace(m.Field, name)
}
