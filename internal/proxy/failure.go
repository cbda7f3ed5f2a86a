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
	server *fleet.Server
	status int
	header http.Header
	body   []byte
}

// keep reads a's body, which ends a. It is nil where that is not whole.
func keep(s *fleet.Server, a *answer) *failure {
	kept := &failure{server: s, status: a.status, header: a.header}
	for {
		p, err := a.next()
		if err == io.EOF {
			break
		}
		if kept.body = append(kept.body, p...); err != nil || len(kept.body) > maxKept {
			a.drop() // half an answer is none
			return nil
		}
	}
	_ = a.conn.SetReadDeadline(time.Time{})
	a.finish()
	return kept
}

func (f *failure) write(w http.ResponseWriter, x *Exchange) {
	passHead(w.Header(), f.header, true)
	w.Header()["X-Gollamas-Server"] = []string{f.server.ID()}
	w.WriteHeader(f.status)
	n, _ := w.Write(f.body) // a client that is gone is not told
	x.Server, x.Place = f.server.ID(), f.server.Connection()
	x.Status, x.BytesOut, x.First = f.status, int64(n), time.Since(x.Start)
	x.Err = ollama.ErrorText(f.body)
}
