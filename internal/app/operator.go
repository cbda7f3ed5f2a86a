package app

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"gollamas/internal/admin"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
	"gollamas/internal/telemetry"
)

// Bounds of the operator's address. Its answers are small, and who asks is near.
const (
	adminTime   = 30 * time.Second
	adminHeader = 64 << 10
)

// OpenAdmin opens the operator's address, if there is to be one, and has exchanges
// counted for it. It belongs before Run. An address that was asked for and cannot be had is an
// error; of the default there is only a warning, for it is no reason not to serve.
func (a *App) OpenAdmin() error {
	l, err := a.listenAdmin()
	switch {
	case err != nil && a.settings().cfg.AdminAsked:
		return err
	case err != nil:
		a.log.Warn("there is no operator's address: metrics, health and state cannot be seen", "reason", err.Error())
	case l != nil:
		a.admin = l
		a.metrics = telemetry.NewMetrics(telemetry.MetricsOptions{
			Connections: func() []*fleet.Connection { return a.settings().connections }, Desk: a.desk, Settings: a.readingsCounted, Shared: a.sharing(),
			Names: func() map[string]string { return a.settings().names },
		})
		a.done = append([]func(proxy.Exchange){a.metrics.Exchange}, a.done...)
	}
	return nil
}

// listenAdmin is nil where the operator wants no address.
func (a *App) listenAdmin() (net.Listener, error) {
	cfg := a.settings().cfg
	address := cfg.Admin
	switch {
	case address == "" && cfg.AdminAsked:
		return nil, nil
	case address == "":
		return nil, fmt.Errorf("admin: %s, where it is by default, is listen's: choose another address with --admin", cfg.Listen)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("admin: %s is taken: choose another address with --admin, or none with --admin off", address)
	}
	if err != nil {
		return nil, fmt.Errorf("admin %s: %w", address, err)
	}
	return l, nil
}

// loaded has a load counted, where anybody can look at the counts.
func (a *App) loaded(d jobs.LoadDone) {
	if a.metrics != nil && d.Began() {
		a.metrics.Load(telemetry.Load{Server: d.Server, Key: d.Key, Again: d.Fault, Took: d.Took, Failed: d.Err != nil})
	}
}

// operatorsNames is what the operator calls the models that have a route of their own.
func operatorsNames(t *route.Table) map[string]string {
	out := map[string]string{}
	for _, r := range t.All() {
		if !r.Pattern {
			out[r.Key] = r.Short
		}
	}
	return out
}

// serveAdmin serves the operator's address, if there is one, until end is called: last
// of all, so that it can be seen how running answers finish. No request to it outlives end.
func (a *App) serveAdmin(wg *sync.WaitGroup) (end func()) {
	if a.admin == nil {
		return func() {}
	}
	requests := &turnstile{}
	srv := &http.Server{
		Handler:           requests.wrap(a.door(func(d *doors) http.Handler { return d.operator })),
		ReadHeaderTimeout: a.settings().cfg.ReadHeader,
		ReadTimeout:       adminTime,
		WriteTimeout:      adminTime,
		IdleTimeout:       idleClient,
		MaxHeaderBytes:    adminHeader,
		ErrorLog:          log.New(quiet{a.log}, "", 0),
	}
	wg.Go(func() {
		if err := srv.Serve(a.admin); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the operator's address is gone", "reason", err.Error())
		}
	})
	a.log.Info("operator's address", "address", a.admin.Addr().String())
	return func() {
		late, cancel := context.WithTimeout(context.Background(), lastWords)
		defer cancel()
		if srv.Shutdown(late) != nil {
			_ = srv.Close() // whoever still asks is not told: gollamas is gone
		}
		requests.wait()
	}
}

// loading are the loads that are under way.
func (a *App) loading() (out []admin.Loading) {
	for _, l := range a.loader.Loading() {
		out = append(out, admin.Loading{Server: l.Server.ID(), Model: l.Name, Since: l.Since, Waiting: l.Waiting})
	}
	return out
}

// changing are the pulls and creates that are under way.
func (a *App) changing() (out []admin.Changing) {
	for _, c := range a.changes.Changing() {
		out = append(out, admin.Changing{Server: c.Server.ID(), What: c.What, Model: c.Model, Since: c.Since,
			Status: c.Status, Total: c.Total, Completed: c.Completed, Waiting: c.Waiting})
	}
	return out
}

func shown[T comparable](r rewrite.Rule[T], value func(T) any) *admin.Rule {
	switch r.Force {
	case rewrite.Default:
		return &admin.Rule{Default: value(r.Value)}
	case rewrite.Enforced:
		return &admin.Rule{Enforce: value(r.Value)}
	}
	return nil
}
