package app

import (
	"io"
	"net/http"
	"time"
)

// Bounds of a request's body that nobody reads: net/http would wait for it as long as the client likes, in front of an
// answer or behind it. Who reads one says himself how long he waits.
const (
	unreadBody = time.Minute
	leftOver   = time.Second
)

// bounded has no client hold a connection with a body that does not come. A connection on which a body came in chunks is not
// used again: where the header had a length too, somebody in front may think that the next request begins elsewhere
// (RFC 9112, section 6.1), and net/http does not tell.
func bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor > 1 || r.Body == http.NoBody {
			h.ServeHTTP(w, r)
			return
		}
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		body := &unread{r.Body, http.NewResponseController(w), false}
		_ = body.control.SetReadDeadline(time.Now().Add(unreadBody)) // every connection has one
		read := r.WithContext(r.Context())                           // net/http looks at the body of its own request when it answers: for Expect: 100-continue
		read.Body = body
		h.ServeHTTP(w, read)
		if !body.over {
			_ = body.control.SetReadDeadline(time.Now().Add(leftOver))
		}
	})
}

// An unread body takes its bound away once it was read to its end: what follows on the connection is another request's.
type unread struct {
	io.ReadCloser
	control *http.ResponseController
	over    bool
}

func (u *unread) Read(b []byte) (int, error) {
	n, err := u.ReadCloser.Read(b)
	if err == io.EOF && !u.over {
		u.over = true
		_ = u.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
