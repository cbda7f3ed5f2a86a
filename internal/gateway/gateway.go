package gateway

import (
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/keys"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// Options are what a Gateway is made of.
type Options struct {
	Table       *route.Table
	Current     func() *route.Table // that of now, for who has waited while the settings were read again; nil = it stays Table
	Desk        *balance.Desk
	Engine      *proxy.Engine
	Rules       *rewrite.Rules // nil = there are none
	Loader      *jobs.Loader
	Variants    *jobs.Variants
	Changes     *jobs.Changes
	Connections []*fleet.Connection // all, for who names a server
	Manage      bool                // clients may change servers, unless their key says no
	AllowCloud  bool                // requests may leave for ollama.com, unless their key says no
	Keys        *keys.Ring          // nil = everybody may ask
	LoadWait    time.Duration       // how long a request waits for its model to load; 0 = as long as it takes
	Comments    time.Duration       // how often a stream of /v1 says that it waits; 0 = never
	Origins     *Origins
	ListAliases bool
	Started     time.Time // when the first looks at servers began, for requests to wait for; zero = now
	Via         string    // this gollamas, in fleet.ViaHeader; "" = unnamed
	MaxBody     int64     // bytes; of a request that is read, decompressed
	Done        []func(proxy.Exchange)
	Panicked    func(id string, what any) // told of a panic, never of a prompt; nil = nobody
}

// A Gateway is the HTTP surface over one table of routes.
type Gateway struct {
	table       *route.Table
	current     func() *route.Table
	desk        *balance.Desk
	engine      *proxy.Engine
	rules       *rewrite.Rules
	loader      *jobs.Loader
	variants    *jobs.Variants
	changes     *jobs.Changes
	connections []*fleet.Connection
	manage      bool
	allowCloud  bool
	keys        *keys.Ring
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
	started := o.Started
	if started.IsZero() {
		started = time.Now()
	}
	return &Gateway{
		table: o.Table, current: o.Current, desk: o.Desk, engine: o.Engine, rules: o.Rules, loader: o.Loader, variants: o.Variants,
		changes: o.Changes, connections: o.Connections, manage: o.Manage, allowCloud: o.AllowCloud, keys: o.Keys, loadWait: o.LoadWait, comments: o.Comments, origins: o.Origins, surface: newSurface(endpoints),
		listAliases: o.ListAliases, via: o.Via, maxBody: o.MaxBody, done: o.Done, panicked: o.Panicked, started: started,
	}
}
