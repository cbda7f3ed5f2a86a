package gateway

import (
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/proxy"
	"gollamas/internal/route"
)

// Options are what a Gateway is made of.
type Options struct {
	Table       *route.Table
	Desk        *balance.Desk
	Engine      *proxy.Engine
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
		table: o.Table, desk: o.Desk, engine: o.Engine, origins: o.Origins, surface: newSurface(endpoints),
		listAliases: o.ListAliases, via: o.Via, maxBody: o.MaxBody, done: o.Done, panicked: o.Panicked, started: time.Now(),
	}
}
