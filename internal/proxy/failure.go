package proxy

import (
	"io"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// maxKept is how much of a failing answer is kept while other servers are asked.
const maxKept = 64 << 10

// A failure is the answer of a server that was passed over.
type failure struct {
	server string
	status int
	header http.Header
	body   []byte
}

// orKeep reads a's body and keeps it where nothing is kept yet and it is whole; a is over then. a may be nil.
func (f *failure) orKeep(s *fleet.Server, a *answer) *failure {
	if a == nil {
		return f
	}
	kept := &failure{server: s.ID(), status: a.status, header: a.header}
	for {
		p, err := a.next()
		if err == io.EOF {
			break
		}
		if kept.body = append(kept.body, p...); err != nil || len(kept.body) > maxKept {
			a.drop() // half an answer is none
			return f
		}
	}
	_ = a.conn.SetReadDeadline(time.Time{})
	a.finish()
	if f != nil {
		return f
	}
	return kept
}

func (f *failure) write(w http.ResponseWriter, x *Exchange) {
	passHead(w.Header(), f.header, true)
	w.Header()["X-Gollamas-Server"] = []string{f.server}
	w.WriteHeader(f.status)
	n, _ := w.Write(f.body) // a client that is gone is not told
	x.Server, x.Status, x.BytesOut, x.First = f.server, f.status, int64(n), time.Since(x.Start)
	x.Err = ollama.ErrorText(f.body)
}
