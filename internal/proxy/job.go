package proxy

import (
	"context"
	"net/http"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A Job is a request that has been decided on: what to send, where, and what
// to look for in the answer.
type Job struct {
	Method   string
	Endpoint string // the route; it decides what a broken stream is ended with
	Dialect  ollama.Dialect
	Target   string                       // path and query
	Header   http.Header                  // the client's; the engine drops what must not go on
	Body     func(*fleet.Server) [][]byte // the pieces of the body for that server
	Decoded  bool                         // Body was compressed when it came
	Next     Next                         // the servers, one after the other
	Changes  bool                         // the request changes the server: not safe to send twice
	Whole    bool                         // the answer is one value, though its Content-Type may say NDJSON
	Model    string                       // the name sent
	Echo     string                       // the name answers must say instead, "" = as it is
	Size     int                          // of the body, in bytes
}

// Next claims the next server to ask, nil where none is left. Its error is a *fleet.Busy, or the context's.
type Next func(ctx context.Context, hope fleet.Hope) (*fleet.Turn, error)
