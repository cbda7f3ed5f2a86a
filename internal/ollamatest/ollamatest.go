// Package ollamatest is a pretend Ollama server: its routes, its error texts, its streams and
// its habits of loading, queueing and unloading models, with no model behind it. Tests,
// benchmarks, simulations and the demo talk to it instead of the real one.
//
// What it answers is compared, question by question, with what real servers answered
// (testdata/answers-*.txt). It waits with the time package and channels only, so a whole fleet
// of it runs inside a testing/synctest bubble.
package ollamatest

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options says what kind of server to pretend to be. The zero value is an idle v0.24.0 without
// models on which everything is immediate.
type Options struct {
	Version   string        // what /api/version says; from 0.30 on the newer answers; default "0.24.0"
	Models    []Model       // what is installed
	Parallel  int           // OLLAMA_NUM_PARALLEL, default 1; requests past it wait without limit and without sign
	MaxQueue  int           // OLLAMA_MAX_QUEUE, default 512: bounds only the requests that wait for a load
	Memory    int64         // bytes for loaded models; 0 = everything fits
	NumCtx    int           // the context a model gets when nobody asks for one, default 4096
	KeepAlive time.Duration // OLLAMA_KEEP_ALIVE, default 5m; below zero = for ever
	Load      time.Duration // how long a load takes, unless the model says otherwise
	Pace      time.Duration // time before each token, and between progress records
	Origins   []string      // OLLAMA_ORIGINS: allowed besides the built-in ones

	// Zstd decodes a zstd body. The standard library cannot; without it such a body is refused
	// with a parse error, as Ollama before v0.16.3 did.
	Zstd func([]byte) ([]byte, error)

	// Remember bounds how many requests (and loads) Requests (and Loads) hold, the newest:
	// 0 = all, below zero = none, for long benchmarks.
	Remember int
}

// A Server is one pretend Ollama. It is an http.Handler, and can listen by itself.
type Server struct {
	opts    Options
	newer   bool // answers as v0.30 and later do
	origins origins
	routes  routes
	library library
	memory  *memory
	blobs   blobs
	history history
	faults  faults
	flying  atomic.Int64

	mu     sync.Mutex
	life   context.Context // ends with Stop
	kill   context.CancelFunc
	web    *http.Server
	addr   string         // where Start listens, for Restart
	closed bool           // Close was called: no Restart
	calls  sync.WaitGroup // handlers and listeners, ended when Stop returns
}

// New makes a server that is not listening; use it as a handler, or give it to Serve.
func New(o Options) *Server {
	o = o.filled()
	s := &Server{opts: o, newer: newer(o.Version), origins: newOrigins(o.Origins)}
	s.history.limit = o.Remember
	s.memory = newMemory(o, s.newer, &s.history)
	s.routes = s.routing()
	for _, m := range o.Models {
		s.Install(m)
	}
	s.revive()
	return s
}

func (o Options) filled() Options {
	if o.Version == "" {
		o.Version = "0.24.0"
	}
	o.Parallel = orDefault(o.Parallel, 1)
	o.MaxQueue = orDefault(o.MaxQueue, 512)
	o.NumCtx = orDefault(o.NumCtx, 4096)
	o.KeepAlive = orDefault(o.KeepAlive, 5*time.Minute)
	if o.KeepAlive < 0 {
		o.KeepAlive = forever
	}
	return o
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Install puts a model on the server's disk, as a finished pull would.
func (s *Server) Install(m Model) {
	s.library.put(newInstalled(m, s.opts))
}

// Remove takes a model off the server's disk. A loaded one stays in memory until it expires, as
// with Ollama.
func (s *Server) Remove(name string) {
	s.library.remove(s.library.spelled(parseName(name)))
}

// InFlight is how many requests the server is answering right now, waiting ones included.
func (s *Server) InFlight() int { return int(s.flying.Load()) }

// Requests are the requests seen so far, in order of arrival.
func (s *Server) Requests() []Request { return s.history.requests() }

// Loads are the loads so far, in the order they ended.
func (s *Server) Loads() []Load { return s.history.pastLoads() }

// Reset forgets the requests and loads so far.
func (s *Server) Reset() { s.history.reset() }
