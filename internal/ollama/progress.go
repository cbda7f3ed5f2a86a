package ollama

import "encoding/json"

// A Progress is one record of an answer that tells how far a pull, push or create is (api.ProgressResponse).
type Progress struct {
	Status    string `json:"status,omitempty"`
	Digest    string `json:"digest,omitempty"`    // of the layer that is on its way, "" = it tells of a step
	Total     int64  `json:"total,omitempty"`     // bytes of the layer
	Completed int64  `json:"completed,omitempty"` // of those, what has come
}

// Success is the last status of what has gone well.
const Success = "success"

// ReadProgress reads one record. failure is the server's error in its place, "" = it is none. ok is false for what is
// neither: no server of Ollama's sends that.
func ReadProgress(line []byte) (p Progress, failure string, ok bool) {
	if err := json.Unmarshal(line, &p); err != nil {
		return Progress{}, "", false
	}
	p.Total = clamp(p.Total)
	p.Completed = min(clamp(p.Completed), p.Total)
	failure = ErrorText(line)
	return p, failure, failure != "" || p.Status != "" || p.Digest != ""
}

// JSON is the record as Ollama writes it, without a line end.
func (p Progress) JSON() []byte { return encode(p) }
