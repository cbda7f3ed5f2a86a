// Package app is the program as a value: New builds and checks everything and
// starts nothing; Run serves until it is told to stop.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/proxy"
	"gollamas/internal/shared"
	"gollamas/internal/telemetry"
)

// idleClient is how long a client's connection may rest between requests.
const idleClient = 3 * time.Minute

// maxHeader bounds a request's header, all fields together.
const maxHeader = 256 << 10

// An App is the whole program, not yet running.
type App struct {
	Version  string                        // of the program, as the operator is told it
	Load     func() (config.Config, error) // reads the settings again, for Reload; nil = that cannot be
	SetLevel func(string)                  // sets the log's level; nil = it stays what it is

	via      string // this gollamas, among those a request may go through
	log      *slog.Logger
	world    outside
	looked   jobs.Bell // rung when a look at a server is over
	desk     *balance.Desk
	engine   *proxy.Engine
	shared   *shared.Counts // nil = each replica counts for itself
	loader   *jobs.Loader
	variants *jobs.Variants
	changes  *jobs.Changes
	keeper   *jobs.Keeper
	done     []func(proxy.Exchange)
	admin    net.Listener // nil = there is no operator's address
	metrics  *telemetry.Metrics
	house    house

	using atomic.Pointer[settings]
	doors atomic.Pointer[doors]
	tried atomic.Pointer[tried]
	files atomic.Pointer[sums] // as they were when the settings were last read, be it in vain
	asks  chan chan error      // for the settings to be read again; the answer says what came of it
	deaf  chan struct{}        // closed when nobody hears those any more
	seen  jobs.Bell            // rung when the files may have changed
	aim   jobs.Bell            // rung when other files may be named
}

// New builds the program. Its errors carry the place of the setting at fault.
// Each finished exchange is told to the access log, and to done.
func New(cfg config.Config, log *slog.Logger, done ...func(proxy.Exchange)) (*App, error) {
	return build(cfg, log, outside{}, done...)
}

func build(cfg config.Config, log *slog.Logger, world outside, done ...func(proxy.Exchange)) (*App, error) {
	a := &App{
		via: rand.Text(), log: log, world: world, looked: jobs.NewBell(), engine: &proxy.Engine{},
		desk:    balance.NewDesk(cfg.Queue.Length, cfg.Queue.Wait),
		changes: jobs.NewChanges(jobs.ChangesOptions{Log: log}), variants: jobs.NewVariants(jobs.VariantsOptions{Log: log}),
		done: append([]func(proxy.Exchange){telemetry.AccessLog(log)}, done...),
		asks: make(chan chan error), deaf: make(chan struct{}), seen: jobs.NewBell(), aim: jobs.NewBell(),
	}
	a.desk.Unguarded = world.unguarded
	var err error
	if a.shared, err = a.newCounts(cfg); err != nil {
		return nil, err
	}
	s, err := a.newSettings(cfg, nil)
	if err != nil {
		return nil, err
	}
	files := sumsOf(cfg)
	a.using.Store(s)
	a.files.Store(&files)
	a.tried.Store(&tried{})
	a.loader = jobs.NewLoader(jobs.LoaderOptions{Log: log, Stall: cfg.Stall.FirstToken, Loaded: a.loaded})
	a.keeper = jobs.NewKeeper(jobs.KeeperOptions{
		Log: log, Loader: a.loader, Bell: a.looked, Ping: cfg.Ping, Connections: s.connections, Residents: s.residents,
	})
	return a, nil
}

// Listen opens the address to serve on.
func (a *App) Listen() (net.Listener, error) {
	address := a.settings().cfg.Listen
	l, err := net.Listen("tcp", address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen: %s is taken, perhaps by an Ollama of your own: choose another address with --listen", address)
		}
		return nil, fmt.Errorf("listen %s: %w", address, err)
	}
	return l, nil
}

// lastWords is how long answers that are cut at the end may take to say so.
const lastWords = time.Second

// Run serves on l until ctx ends, and for as long behind it as drain_delay says; then it lets running answers finish, for the
// time that drain allows. It all ends when now does. It returns when everything it started has stopped.
func (a *App) Run(ctx, now context.Context, l net.Listener) error {
	background, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	a.house = house{l.Addr(), time.Now(), ctx}
	a.doors.Store(a.open(a.settings()))
	connections := a.settings().connections
	var wg sync.WaitGroup
	wg.Go(func() { fleet.Watch(background, connections) })
	wg.Go(func() { a.engine.Run(background) })
	wg.Go(func() { a.tellMixed(background) })
	wg.Go(func() { a.loader.Run(background) })
	wg.Go(func() { a.variants.Run(background) })
	wg.Go(func() { a.changes.Run(background) })
	wg.Go(func() { a.keeper.Run(background) })
	wg.Go(func() { a.reloads(background, &wg) })
	defer wg.Wait()
	defer a.share(&wg)()
	defer a.serveAdmin(&wg)()
	srv := a.httpServer(background)
	requests := &turnstile{}
	srv.Handler = requests.wrap(srv.Handler)
	defer func() {
		stop(proxy.ErrStopping)
		requests.wait()
	}()
	failed := make(chan error, 1)
	wg.Go(func() { failed <- a.serve(srv, l) })
	a.sayRoutes(l.Addr())
	if err := a.served(ctx, now, failed); err != nil {
		_ = srv.Close() // what goes wrong first is told
		return err
	}
	if !a.drained(srv, now) {
		stop(proxy.ErrStopping)
		late, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		if srv.Shutdown(late) != nil {
			_ = srv.Close() // there is nobody left to tell
		}
	}
	return nil
}

// served waits until no new requests are to be taken: whoever sends them here has been told that by then.
func (a *App) served(ctx, now context.Context, failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	delay := a.settings().cfg.DrainDelay
	if delay == 0 {
		return nil
	}
	a.log.Info("stopping soon: not ready any more, but new requests are still taken", "drain_delay", delay.String())
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case err := <-failed:
		return err
	case <-timer.C:
	case <-now.Done():
	}
	return nil
}

// drained stops accepting and waits for what is running, as long as it may.
func (a *App) drained(srv *http.Server, now context.Context) bool {
	drain := a.settings().cfg.Drain
	a.log.Info("stopping: no new requests; running answers may finish, a second signal ends them", "drain", drain.String())
	ctx, cancel := context.WithTimeout(now, drain)
	defer cancel()
	err := srv.Shutdown(ctx)
	if err != nil {
		reason := "the time for it is over"
		if now.Err() != nil {
			reason = "a second signal"
		}
		a.log.Warn("stopping now: running answers are cut", "reason", reason)
	}
	return err == nil
}

func (a *App) httpServer(base context.Context) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           bounded(a.door(func(d *doors) http.Handler { return d.clients })),
		Protocols:         protocols,
		ReadHeaderTimeout: a.settings().cfg.ReadHeader, // and of a TLS handshake
		IdleTimeout:       idleClient,
		MaxHeaderBytes:    maxHeader,
		TLSConfig:         a.serverTLS(),
		ErrorLog:          log.New(quiet{a.log}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
}

// serve serves clients until srv is shut down.
func (a *App) serve(srv *http.Server, l net.Listener) error {
	s := a.settings()
	l = limited(l, s.cfg.MaxConnections)
	if s.pair == nil {
		return srv.Serve(l)
	}
	return srv.ServeTLS(l, "", "") // serverTLS has the certificate
}

// quiet takes net/http's own remarks, on clients that speak no HTTP, as debug lines.
type quiet struct{ log *slog.Logger }

func (q quiet) Write(p []byte) (int, error) {
	q.log.Debug("http", "remark", string(p))
	return len(p), nil
}

func loopback(addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	return err == nil && a.Addr().IsLoopback()
}

// sayRoutes tells at start what is served: one line a route.
func (a *App) sayRoutes(addr net.Addr) {
	listening := []any{"address", addr.String()}
	if a.settings().pair != nil {
		listening = append(listening, "protocol", "https")
	}
	a.log.Info("listening", listening...)
	a.sayKeys()
	for _, r := range a.Lines() {
		args := []any{"model", r.Model, "servers", r.ids()} // connections; people's queries have the word
		if len(r.Aliases) > 0 {
			args = []any{"model", r.Model, "aliases", r.Aliases, "servers", r.ids()}
		}
		a.log.Info("route", args...)
	}
}
