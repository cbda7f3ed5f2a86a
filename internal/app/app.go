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
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/gateway"
	"gollamas/internal/jobs"
	"gollamas/internal/keys"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
	"gollamas/internal/shared"
	"gollamas/internal/telemetry"
)

// idleClient is how long a client's connection may rest between requests.
const idleClient = 3 * time.Minute

// maxHeader bounds a request's header, all fields together.
const maxHeader = 256 << 10

// An App is the whole program, not yet running.
type App struct {
	Version string // of the program, as the operator is told it

	cfg         config.Config
	via         string // this gollamas, among those a request may go through
	log         *slog.Logger
	connections []*fleet.Connection
	table       *route.Table
	desk        *balance.Desk
	engine      *proxy.Engine
	rules       *rewrite.Rules
	keys        *keys.Ring     // nil = everybody may ask
	shared      *shared.Counts // nil = each replica counts for itself
	loader      *jobs.Loader
	variants    *jobs.Variants
	changes     *jobs.Changes
	keeper      *jobs.Keeper
	done        []func(proxy.Exchange)
	admin       net.Listener // nil = there is no operator's address
	metrics     *telemetry.Metrics
}

// New builds the program. Its errors carry the place of the setting at fault.
// Each finished exchange is told to the access log, and to done.
func New(cfg config.Config, log *slog.Logger, done ...func(proxy.Exchange)) (*App, error) {
	return build(cfg, log, outside{}, done...)
}

func build(cfg config.Config, log *slog.Logger, world outside, done ...func(proxy.Exchange)) (*App, error) {
	via := rand.Text()
	desk := balance.NewDesk(cfg.Queue.Length, cfg.Queue.Wait)
	desk.Unguarded = world.unguarded
	looked := jobs.NewBell()
	connections, err := newConnections(cfg, world, fleet.Options{
		Watch: cfg.Watch, Via: via, Log: log, Changed: func() { desk.Dispatch(); looked.Ring() },
		Stall: fleet.Stall{First: cfg.Stall.FirstToken, Next: cfg.Stall.NextToken},
	})
	if err != nil {
		return nil, err
	}
	table, err := newTable(cfg, connections)
	if err != nil {
		return nil, err
	}
	var rules *rewrite.Rules // none cost nothing
	if len(cfg.KeepAlive)+len(cfg.NumCtx) > 0 {
		if rules, err = rewrite.NewRules(cfg.KeepAlive, cfg.NumCtx); err != nil {
			return nil, err
		}
	}
	counts, err := newCounts(cfg, world, via, log, desk, func() []*fleet.Connection { return connections })
	if err != nil {
		return nil, err
	}
	ring, err := keys.NewRing(cfg.Keys, nil, together(counts))
	if err != nil {
		return nil, err
	}
	a := &App{
		rules: rules, keys: ring, shared: counts, changes: jobs.NewChanges(jobs.ChangesOptions{Log: log}), variants: jobs.NewVariants(jobs.VariantsOptions{Log: log}),
		cfg: cfg, log: log, via: via, connections: connections, table: table, desk: desk, engine: &proxy.Engine{},
		done: append([]func(proxy.Exchange){telemetry.AccessLog(log)}, done...),
	}
	a.loader = jobs.NewLoader(jobs.LoaderOptions{Log: log, Stall: cfg.Stall.FirstToken, Loaded: a.loaded})
	a.keeper = jobs.NewKeeper(jobs.KeeperOptions{
		Log: log, Loader: a.loader, Bell: looked, Ping: cfg.Ping, Connections: connections, Residents: residents(cfg, connections, table, rules),
	})
	return a, nil
}

// Listen opens the address to serve on.
func (a *App) Listen() (net.Listener, error) {
	l, err := net.Listen("tcp", a.cfg.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen: %s is taken, perhaps by an Ollama of your own: choose another address with --listen", a.cfg.Listen)
		}
		return nil, fmt.Errorf("listen %s: %w", a.cfg.Listen, err)
	}
	return l, nil
}

// lastWords is how long answers that are cut at the end may take to say so.
const lastWords = time.Second

// Run serves on l until ctx ends, then lets running answers finish, for the
// time that drain allows or until now ends. It returns when everything it started has stopped.
func (a *App) Run(ctx, now context.Context, l net.Listener) error {
	background, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { fleet.Watch(background, a.connections) })
	wg.Go(func() { a.engine.Run(background) })
	wg.Go(func() { a.tellMixed(background) })
	wg.Go(func() { a.loader.Run(background) })
	wg.Go(func() { a.variants.Run(background) })
	wg.Go(func() { a.changes.Run(background) })
	wg.Go(func() { a.keeper.Run(background) })
	defer wg.Wait()
	defer a.share(&wg)()
	defer a.serveAdmin(ctx, &wg)()
	srv := a.httpServer(background, l.Addr())
	requests := &turnstile{}
	srv.Handler = requests.wrap(srv.Handler)
	defer func() {
		stop(proxy.ErrStopping)
		requests.wait()
	}()
	failed := make(chan error, 1)
	wg.Go(func() { failed <- srv.Serve(l) })
	a.sayRoutes(l.Addr())
	select {
	case err := <-failed:
		_ = srv.Close() // what goes wrong first is told
		return err
	case <-ctx.Done():
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

// drained stops accepting and waits for what is running, as long as it may.
func (a *App) drained(srv *http.Server, now context.Context) bool {
	a.log.Info("stopping: no new requests; running answers may finish, a second signal ends them", "drain", a.cfg.Drain.String())
	ctx, cancel := context.WithTimeout(now, a.cfg.Drain)
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

func (a *App) httpServer(base context.Context, addr net.Addr) *http.Server {
	g := gateway.New(gateway.Options{
		Table: a.table, Desk: a.desk, Engine: a.engine, Rules: a.rules, Loader: a.loader, Variants: a.variants,
		Changes: a.changes, Connections: a.connections, Manage: a.cfg.Manage, AllowCloud: a.cfg.AllowCloud, Keys: a.keys,
		LoadWait: a.cfg.LoadWait, Comments: a.cfg.ColdStart.Comments,
		Origins:     gateway.NewOrigins(a.cfg.Origins, loopback(addr)),
		ListAliases: a.cfg.ListAliases, Via: a.via, MaxBody: a.cfg.MaxBody, Done: a.done,
		Panicked: func(id string, what any) {
			a.log.Error("panic", "id", id, "what", fmt.Sprint(what), "stack", string(debug.Stack()))
		},
	})
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           g,
		Protocols:         protocols,
		ReadHeaderTimeout: a.cfg.ReadHeader,
		IdleTimeout:       idleClient,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(quiet{a.log}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return base },
	}
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
	a.log.Info("listening", "address", addr.String())
	a.sayKeys()
	for _, r := range a.Lines() {
		args := []any{"model", r.Model, "servers", r.ids()} // connections; people's queries have the word
		if len(r.Aliases) > 0 {
			args = []any{"model", r.Model, "aliases", r.Aliases, "servers", r.ids()}
		}
		a.log.Info("route", args...)
	}
}
