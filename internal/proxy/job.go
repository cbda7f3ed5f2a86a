package proxy

import (
	"context"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A Job is a request that has been decided on: what to send, where, and what
// to look for in the answer.
type Job struct {
	Method   string
	Endpoint string // the route; it decides what a broken stream is ended with
	Dialect  ollama.Dialect
	Target   string                      // path and query
	Header   http.Header                 // the client's; the engine drops what must not go on
	For      func(*fleet.Server) Sending // as that server gets it
	Decoded  bool                        // Body was compressed when it came
	Next     Next                        // the servers, one after the other
	Ready    Ready                       // has the model loaded there before the request is sent; nil = the request does
	Changes  bool                        // the request changes the server: not safe to send twice
	Whole    bool                        // the answer is one value, though its Content-Type may say NDJSON
	Asked    string                      // the model's name as answers must say it, "" = as the server does
	Comments time.Duration               // how often a stream of /v1 says that it is still there while it waits; 0 = never
	Size     int                         // of the body, in bytes
}

// A Sending is a job as one server gets it.
type Sending struct {
	Target  string                   // path and query, "" = the job's
	Body    [][]byte                 // in pieces
	Model   string                   // the name sent
	Missing func(context.Context)    // told that the server has not got it, which was to have it, so that it may get it; nil = that is no news
	Unsay   func(text []byte) []byte // an error's text with the name as people know it; nil = as it is
	Reword  func(body []byte) []byte // an answer's body as the client is to get it; nil = as it is
}

// Ready has the model loaded on the server that was claimed, and waits for that. Its error is a
// *fleet.LoadError, a *fleet.Busy where it takes too long, or the context's.
type Ready func(ctx context.Context, turn *fleet.Turn) error

// Next claims the next server to ask, nil where none is left. Its error is a *fleet.Busy, or the context's.
type Next func(ctx context.Context, hope fleet.Hope) (*fleet.Turn, error)
