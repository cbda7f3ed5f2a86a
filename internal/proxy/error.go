package proxy

import (
	"net/http"

	"gollamas/internal/ollama"
)

// WriteError answers with an error of gollamas' own, in the dialect.
func WriteError(w http.ResponseWriter, d ollama.Dialect, status int, text string, x *Exchange) {
	b := ollama.ErrorBody(d, status, text)
	w.Header()["Content-Type"] = []string{"application/json; charset=utf-8"}
	w.WriteHeader(status)
	n, _ := w.Write(b) // a client that is gone is not told
	x.Status, x.BytesOut = status, int64(n)
	if x.Err == "" {
		x.Err = text
	}
}
