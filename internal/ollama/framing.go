package ollama

import "strings"

// A Framing is how an answer is cut into records.
type Framing uint8

// The framings.
const (
	Opaque Framing = iota // nothing is known of it, so nothing is read in it
	JSON                  // one value
	NDJSON                // a value a line: Ollama's own streams
	SSE                   // server-sent events: the streams of /v1
)

// FramingOf reads an answer's Content-Type and Content-Encoding.
func FramingOf(contentType, contentEncoding string) Framing {
	if contentEncoding != "" && !strings.EqualFold(contentEncoding, "identity") {
		return Opaque
	}
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/json":
		return JSON
	case "application/x-ndjson":
		return NDJSON
	case "text/event-stream":
		return SSE
	}
	return Opaque
}

// Stream says whether records arrive one by one.
func (f Framing) Stream() bool { return f == NDJSON || f == SSE }
