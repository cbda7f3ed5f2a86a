package fleet

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Connection is what an operator has named: one server, or as many as its name has addresses.
type Connection struct {
	id      string
	servers atomic.Pointer[[]*Server]
	terms   atomic.Pointer[terms]
	found   *discovery         // nil where it is one server
	gone    context.Context    // ends when the settings name it no more
	end     context.CancelFunc // ends that
}

// Terms are what may change while its servers stay.
type terms struct {
	parallel int
	pace     Pace
}

func newConnection(id string, o Options, found *discovery, servers ...*Server) *Connection {
	c := &Connection{id: id, found: found}
	c.gone, c.end = context.WithCancel(context.Background())
	c.terms.Store(&terms{o.Parallel, Pace{o.Watch, o.Stall}})
	c.servers.Store(&servers)
	return c
}

// A discovery is a connection whose servers come and go.
type discovery struct {
	opts    Options
	host    string
	port    string
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	first   chan struct{} // closed when the name was first looked up
	failing string        // why the last lookup failed
	left    []*Server     // whose address is gone, but not their requests
}

// Fixed is a connection to one server.
func Fixed(o Options) *Connection {
	s := New(o)
	return newConnection(s.ID(), o, nil, s)
}

// Discover is a connection to every address that o.URL's host has. Each is a
// server of its own; they share all else in o. resolve looks a name up; nil = the system does.
func Discover(o Options, resolve func(ctx context.Context, host string) ([]netip.Addr, error)) *Connection {
	o.ID = cmp.Or(o.ID, "dns+"+o.URL.Redacted())
	one := New(o)
	_, port, _ := net.SplitHostPort(one.address) // New has put it together
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	found := &discovery{opts: one.opts, host: o.URL.Hostname(), port: port, resolve: resolve, first: make(chan struct{})}
	return newConnection(one.ID(), o, found)
}

// ID is what stands for the connection: the operator's name, or the URL without anything secret.
func (c *Connection) ID() string { return c.id }

// Servers are the connection's, now. They are not to be changed.
func (c *Connection) Servers() []*Server { return *c.servers.Load() }

// Discovers says that servers may come and go.
func (c *Connection) Discovers() bool { return c.found != nil }

// Change bounds how many requests each of its servers is given at once, 0 = no limit, and has them looked at and waited
// for as p says. Requests that run go on.
func (c *Connection) Change(parallel int, p Pace) {
	c.terms.Store(&terms{parallel, p})
	c.tell()
}

// tell has every server of now know the terms of now.
func (c *Connection) tell() {
	now := c.terms.Load()
	for _, s := range c.Servers() {
		s.parallel.Store(int64(now.parallel))
		s.setPace(now.pace)
	}
}

// Leave has nobody choose its servers any more: the settings name it no longer. Answers that run go on, and it is watched
// until they are over.
func (c *Connection) Leave() {
	c.end()
	if c.found != nil {
		return // whoever looks its name up tells its servers: they are its own
	}
	for _, s := range c.Servers() {
		s.leave("the settings name its connection no more")
	}
}

// Watch looks at every server of every connection until ctx ends, each in its own
// time so that a dead one holds up no other, and returns when all have stopped.
func Watch(ctx context.Context, connections []*Connection) {
	var wg sync.WaitGroup
	for _, c := range connections {
		wg.Go(func() {
			if c.found == nil {
				c.Servers()[0].watch(ctx)
			} else {
				c.discover(ctx)
			}
		})
	}
	wg.Wait()
}

// FirstLook waits until each server was looked at once, or for most, or until ctx ends.
func FirstLook(ctx context.Context, connections []*Connection, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for _, c := range connections {
		if c.found != nil && !wait(ctx, c.found.first) {
			return
		}
		for _, s := range c.Servers() {
			if !wait(ctx, s.first) {
				return
			}
		}
	}
}

func wait(ctx context.Context, over <-chan struct{}) bool {
	select {
	case <-over:
		return true
	case <-ctx.Done():
		return false
	}
}

// lookupTimeout bounds one lookup of a name.
const lookupTimeout = 5 * time.Second

// discover looks the name up again and again, and watches each server while its
// address is there or answers of it run.
func (c *Connection) discover(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for first := true; ; first = false {
		went := c.lookup(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, s := range went {
			s.leave("its address is no longer its connection's")
		}
		if c.gone.Err() != nil {
			for _, s := range c.Servers() {
				s.leave("the settings name its connection no more")
			}
			return
		}
		c.tell()
		for _, s := range c.Servers() {
			if s.watched.CompareAndSwap(false, true) {
				wg.Go(func() { s.watch(ctx) })
			}
		}
		if first {
			close(c.found.first)
		}
		select {
		case <-time.After(jitter(cmp.Or(c.terms.Load().pace.Watch, usualWatch))):
		case <-c.gone.Done():
		case <-ctx.Done():
			return
		}
	}
}

// lookup asks for the name's addresses and puts the servers of today in the
// place of yesterday's. Where it cannot be looked up, they stay: they may well be there.
func (c *Connection) lookup(ctx context.Context) (went []*Server) {
	d := c.found
	bound, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	defer context.AfterFunc(c.gone, cancel)()
	if c.gone.Err() != nil {
		return nil
	}
	addresses, err := d.resolve(bound, d.host)
	if ctx.Err() != nil || c.gone.Err() != nil || !d.tell(c.id, err) {
		return nil
	}
	have := c.Servers()
	var now []*Server
	for _, a := range distinct(addresses) {
		address := net.JoinHostPort(a.String(), d.port)
		i := slices.IndexFunc(have, func(s *Server) bool { return s.address == address })
		if i >= 0 {
			now = append(now, have[i])
			continue
		}
		s := d.again(address)
		if s == nil {
			s = c.server(a, address)
		}
		now = append(now, s)
	}
	for _, s := range have {
		if !slices.Contains(now, s) {
			went = append(went, s)
		}
	}
	d.left = slices.DeleteFunc(append(d.left, went...), func(s *Server) bool { return !s.busy() })
	c.servers.Store(&now)
	return went
}

// again takes back the server of an address that was gone for a while, where requests run on it
// still: its places are taken. A resolver may well give a part of the addresses each time.
func (d *discovery) again(address string) *Server {
	i := slices.IndexFunc(d.left, func(s *Server) bool { return s.address == address })
	if i < 0 {
		return nil
	}
	s := d.left[i]
	d.left = slices.Delete(d.left, i, i+1)
	s.left.Store(false)
	s.opts.Log.Info("server found again", "server", s.id, "in_flight", s.InFlight())
	return s
}

// tell says in the log when lookups begin or cease to fail, and whether this one succeeded.
func (d *discovery) tell(id string, err error) bool {
	why := ""
	if err != nil {
		why = Reason(err)
	}
	switch {
	case why != "" && d.failing == "":
		d.opts.Log.Warn("its name cannot be looked up: its servers stay as they were", "connection", id, "name", d.host, "reason", why)
	case why == "" && d.failing != "":
		d.opts.Log.Info("its name can be looked up again", "connection", id, "name", d.host)
	}
	d.failing = why
	return err == nil
}

// server is one for a new address. It is called what its connection is, and its address.
func (c *Connection) server(a netip.Addr, address string) *Server {
	o := c.found.opts
	o.ID = c.id + "/" + a.String()
	s := New(o)
	s.address = address
	s.connection = c.id
	o.Log.Info("server found", "server", o.ID)
	return s
}

// leave ends a server whose address is gone, or its connection. Answers that run go on, and are watched over:
// a box that went without a word owes them for ever.
func (s *Server) leave(why string) {
	s.left.Store(true)
	s.LookAgain()
	s.opts.Log.Info("server gone: "+why, "server", s.id, "in_flight", s.InFlight())
}

// distinct is each address once, in order, so that servers keep their places.
func distinct(all []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, 0, len(all))
	for _, a := range all {
		out = append(out, a.Unmap())
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
