package gateway

import (
	"encoding/json"
	"net/http"

	"gollamas/internal/ollama"
)

// lowest is the lowest version of any server, of those that are up if any is:
// what every server can do. "" = none has answered yet.
func (g *Gateway) lowest() string {
	low, lowDown := "", ""
	for _, s := range g.table.Servers() {
		state := s.State()
		to := &low
		if !state.Up {
			to = &lowDown
		}
		if v := state.Version; v != "" && (*to == "" || ollama.CompareVersions(v, *to) < 0) {
			*to = v
		}
	}
	if low == "" {
		return lowDown
	}
	return low
}

func (g *Gateway) atLeast(version string) bool {
	v := g.lowest()
	return v != "" && ollama.CompareVersions(v, version) >= 0
}

func version(g *Gateway, _ Ask) Answer {
	v := g.lowest()
	if v == "" {
		return refusal(ollama.Native, http.StatusServiceUnavailable, "no server has answered yet, so there is no version to name")
	}
	return jsonAnswer(typeJSON, struct {
		Version string `json:"version"`
	}{v})
}

func running(*Gateway, Ask) Answer {
	return answer(http.StatusOK, "text/plain; charset=utf-8", []byte("Ollama is running"))
}

// status says what Ollama says where its cloud is turned off, or that it is not.
func status(g *Gateway, ask Ask) Answer {
	if g.leaves(ask) {
		return answer(http.StatusOK, typeJSON, json.RawMessage(`{"cloud":{"disabled":false,"source":"config"}}`))
	}
	return answer(http.StatusOK, typeJSON, json.RawMessage(`{"cloud":{"disabled":true,"source":"config"}}`))
}
