// Package proxy is the engine: it carries one request to the first server that
// answers it, and the answer back as it comes. It knows no models.
package proxy

import (
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// An Exchange is one request, done. Logs, metrics and everything else that
// tells what happened read only this.
type Exchange struct {
	ID       string // the request's
	Client   string // address
	Key      string // name of the key it came by, "" = none, or a wrong one
	Limit    string // the limit of the key that it was refused for, "" = it was not
	Method   string
	Endpoint string // the route, such as "/api/chat", not the path as sent
	Dialect  ollama.Dialect
	Works    bool   // the model was to work for it, rather than to be asked about or pulled
	Asked    string // the model as the client named it
	Sent     string // the name the server got
	Server   string // ID of the one whose answer the client got, "" = gollamas itself
	Place    string // its connection's ID: the same, unless that has several servers
	Model    string // the model's own name where it is known to be one, "" = it is not: safe to count by
	Attempts []Attempt
	Spread   bool          // they were made at the same time, and none stood in for another
	Queued   time.Duration // waiting for a server with a free place
	Loading  time.Duration // waiting for the model to be loaded
	Status   int           // 499 = the client left before there was one
	Start    time.Time
	First    time.Duration // to the first byte of the answer, 0 = none came
	Total    time.Duration
	BytesIn  int64 // of the request's body, decompressed
	BytesOut int64 // of the answer's body
	Usage    ollama.Usage
	Streamed bool   // the answer came as a stream
	Gaps     Gaps   // between the pieces of a stream
	Err      string // what went wrong, "" = nothing
	Gone     bool   // the client left before the end
}

// An Attempt is one server asked.
type Attempt struct {
	Server string
	Place  string        // its connection's ID
	Status int           // of its answer, 0 = none
	Err    string        // why it led nowhere, "" = its answer was passed on as it came
	Why    Why           // the same in one word, to count by
	Load   fleet.Load    // what it cost the server
	Fault  string        // where the model was loaded again: the option for which
	Avoids string        // the option for which it would have been, had nobody minded; "" = it would not
	First  time.Duration // until the first byte of its answer, 0 = none came
}

// A Why is what became of an attempt, in one word.
type Why string

// What may become of one.
const (
	WhyServed    Why = "served"    // its answer was passed on
	WhyUnreached Why = "unreached" // no connection
	WhyBroke     Why = "broke"     // the connection broke before an answer
	WhyStalled   Why = "stalled"   // nothing came for too long
	WhyMissing   Why = "missing"   // 404
	WhyFull      Why = "full"      // 503
	WhyFailed    Why = "failed"    // another 5xx
	WhyLoading   Why = "loading"   // its model took too long to load, and may still be loading
	WhyLeft      Why = "left"      // the client did not wait
)

// GapBounds are the upper bounds that Gaps counts by.
var GapBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute,
}

// Gaps are the waits between the pieces of a stream.
type Gaps struct {
	Counts [len(GapBounds) + 1]uint32 // by GapBounds; the last is for longer ones
	Sum    time.Duration
	Max    time.Duration
}

func (g *Gaps) add(d time.Duration) {
	i := 0
	for i < len(GapBounds) && d > GapBounds[i] {
		i++
	}
	g.Counts[i]++
	g.Sum += d
	g.Max = max(g.Max, d)
}
