package gateway

import (
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/jobs"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// Options are what a Gateway is made of.
type Options struct {
	Table       *route.Table
	Desk        *balance.Desk
	Engine      *proxy.Engine
	Rules       *rewrite.Rules // nil = there are none
	Loader      *jobs.Loader
	Variants    *jobs.Variants
	LoadWait    time.Duration // how long a request waits for its model to load; 0 = as long as it takes
	Comments    time.Duration // how often a stream of /v1 says that it waits; 0 = never
	Origins     *Origins
	ListAliases bool
	Via         string // this gollamas, in fleet.ViaHeader; "" = unnamed
	MaxBody     int64  // bytes; of a request that is read, decompressed
	Done        []func(proxy.Exchange)
	Panicked    func(id string, what any) // told of a panic, never of a prompt; nil = nobody
}

// A Gateway is the HTTP surface over one table of routes.
type Gateway struct {
	table       *route.Table
	desk        *balance.Desk
	engine      *proxy.Engine
	rules       *rewrite.Rules
	loader      *jobs.Loader
	variants    *jobs.Variants
	loadWait    time.Duration
	comments    time.Duration
	origins     *Origins
	surface     surface
	listAliases bool
	via         string
	maxBody     int64
	done        []func(proxy.Exchange)
	panicked    func(string, any)
	started     time.Time
}

// New returns a handler of everything Ollama has a URL for.
func New(o Options) *Gateway {
	return &Gateway{
		table: o.Table, desk: o.Desk, engine: o.Engine, rules: o.Rules, loader: o.Loader, variants: o.Variants, loadWait: o.LoadWait, comments: o.Comments, origins: o.Origins, surface: newSurface(endpoints),
		listAliases: o.ListAliases, via: o.Via, maxBody: o.MaxBody, done: o.Done, panicked: o.Panicked, started: time.Now(),
	}
}
