// Package proxy is the engine: it carries one request to the first server that
// answers it, and the answer back as it comes. It knows no models.
package proxy

import (
	"time"

	"gollamas/internal/ollama"
)

// An Exchange is one request, done. Logs, metrics and everything else that
// tells what happened read only this.
type Exchange struct {
	ID       string // the request's
	Client   string // address
	Method   string
	Endpoint string // the route, such as "/api/chat", not the path as sent
	Dialect  ollama.Dialect
	Asked    string // the model as the client named it
	Sent     string // the name the server got
	Server   string // ID of the one whose answer the client got, "" = gollamas itself
	Attempts []Attempt
	Status   int // 499 = the client left before there was one
	Start    time.Time
	First    time.Duration // to the first byte of the answer, 0 = none came
	Total    time.Duration
	BytesIn  int64 // of the request's body, decompressed
	BytesOut int64 // of the answer's body
	Usage    ollama.Usage
	Err      string // what went wrong, "" = nothing
	Gone     bool   // the client left before the end
}

// An Attempt is one server asked.
type Attempt struct {
	Server string
	Status int    // of its answer, 0 = none
	Err    string // why it led nowhere, "" = its answer was passed on as it came
}
