// Package config is the operator's settings: a YAML file, the environment and
// flags, composed into plain values and checked. Nothing here opens a connection.
package config

import (
	"net/http"
	"net/url"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/keys"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// A Config is everything the program is told. It is plain data.
type Config struct {
	Listen      string
	Level       string
	ListAliases bool
	// AllowRunning serves a model that is loaded on any connection, configured or not.
	Manage       bool // clients may change servers
	AllowRunning bool
	Balance      string // one of balance.Names
	Admin        string // the operator's address; "" = none
	// AdminAsked is whether somebody said Admin, be it "off". A default that cannot be had is
	// no reason not to start. Where Listen has the default, Admin is "" and nobody asked.
	AdminAsked bool
	MaxBody    int64 // bytes
	Watch      time.Duration
	Drain      time.Duration
	ReadHeader time.Duration
	Stall      Stall
	Queue      Queue
	Ping       time.Duration // how often what is preloaded is kept loaded; 0 = never
	LoadWait   time.Duration // how long a request waits for its model to load
	ColdStart  ColdStart
	Origins    string // OLLAMA_ORIGINS, as Ollama reads it

	DrainDelay     time.Duration // how long new requests are still taken after SIGTERM
	MaxConnections int           // of clients, at once; past it they wait; 0 = no limit
	AllowCloud     bool          // requests may leave for ollama.com, or where a stub leads
	Shared         string        // the Redis that replicas count in, "" = each counts for itself
	ServerTLS      ServerTLS
	KeysFile       string     // "" = none
	Keys           []keys.Key // of both; none = everybody may ask

	File string // the YAML file, "" = none was named

	// KeepAlive and NumCtx are for rewrite.NewRules. A connection in them is its ID,
	// or its URL where it has none.
	KeepAlive []rewrite.Scoped[rewrite.KeepAlive]
	NumCtx    []rewrite.Scoped[int]
	Preload   []string // models by their own names, each once; never a pattern. Where: see Route.Preload

	Connections []Connection
	Models      []Model
	Aliases     []route.Alias
}

// Stall is how long a server may be silent before it counts as stuck. They are
// upper bounds: what is learned of a model on a server is tighter.
type Stall struct {
	FirstToken time.Duration // from the request to the first token
	NextToken  time.Duration // from one token to the next
}

// A Queue is for requests whose servers all have no free place.
type Queue struct {
	Length int           // requests that may wait; 0 = none
	Wait   time.Duration // how long each may
}

// ColdStart is what a client hears while its model loads.
type ColdStart struct {
	Comments time.Duration // how often a /v1 stream has an SSE comment; 0 = never
}

// A Connection is a server and how to reach it.
type Connection struct {
	ID       string // "" where only a --proxy names its URL
	URL      *url.URL
	Discover bool // dns+ stood before the URL: there is a server at each address that its host's name has
	Header   http.Header
	TLS      TLS
	Parallel int    // requests at once; 0 = no limit
	Place    string // where it was said, for errors that only show when its files are opened
}

// ServerTLS is what gollamas serves HTTPS with: files in PEM. Empty = plain HTTP.
type ServerTLS struct{ Cert, Key string }

// TLS is how an https server is trusted, and how gollamas shows who it is. Files are PEM.
type TLS struct {
	CA, Cert, Key string
	Insecure      bool // the server's certificate is not checked
}

// A Model is a name or pattern and the connections it is routed to, in order.
type Model struct {
	Name    string
	Routes  []Route
	Balance string // one of balance.Names; "" = Config.Balance
}

// A Route is one connection of a model, named once.
type Route struct {
	Connection int  // index of Config.Connections
	Weight     int  // its share of the requests beside the others'; at least 1
	Tier       int  // a lower one is tried first
	Preload    bool // it is marked: the model is preloaded here, and only where it is marked so
}

// defaults are right for somebody at home and safe for a company.
func defaults() Config {
	return Config{
		Listen:     "localhost:11434",
		Level:      "info",
		Balance:    balance.Names[0],
		Admin:      "localhost:11435",
		MaxBody:    512 << 20,
		Watch:      5 * time.Second,
		Drain:      30 * time.Second,
		ReadHeader: 10 * time.Second,
		Stall:      Stall{FirstToken: 15 * time.Minute, NextToken: 5 * time.Minute},
		Queue:      Queue{Length: 256, Wait: 2 * time.Minute},
		Ping:       4 * time.Minute,
		LoadWait:   10 * time.Minute,
	}
}
