package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"gollamas/internal/admin"
	"gollamas/internal/gateway"
	wire "gollamas/internal/ollama" // the tests call something else ollama
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// Doors are what answers requests by one reading of the settings. Whoever came in by a door is served as it was then.
type doors struct{ clients, operator http.Handler }

// A house is what doors stay the same for: it is known once the program runs.
type house struct {
	addr     net.Addr        // that clients come to
	started  time.Time       // when
	stopping context.Context // ends when no new requests are wanted
}

// open makes the doors of settings.
func (a *App) open(s *settings) *doors {
	d := &doors{clients: a.clients(s)}
	if a.admin != nil {
		d.operator = a.operator(s)
	}
	return d
}

// door answers each request by the settings of the moment at which it came.
func (a *App) door(which func(*doors) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { which(a.doors.Load()).ServeHTTP(w, r) })
}

func (a *App) clients(s *settings) http.Handler {
	return gateway.New(gateway.Options{
		Table: s.table, Current: func() *route.Table { return a.settings().table },
		Desk: a.desk, Engine: a.engine, Rules: s.rules, Loader: a.loader, Variants: a.variants,
		Changes: a.changes, Connections: s.connections, Manage: s.cfg.Manage, AllowCloud: s.cfg.AllowCloud, Keys: s.keys,
		LoadWait: s.cfg.LoadWait, Comments: s.cfg.ColdStart.Comments,
		Origins:     gateway.NewOrigins(s.cfg.Origins, loopback(a.house.addr)),
		ListAliases: s.cfg.ListAliases, Started: a.house.started, Via: a.via, MaxBody: s.cfg.MaxBody, Done: a.done,
		Panicked: func(id string, what any) {
			a.log.Error("panic", "id", id, "what", fmt.Sprint(what), "stack", string(debug.Stack()))
		},
	})
}

func (a *App) operator(s *settings) http.Handler {
	return admin.New(admin.Options{
		Table: s.table, Desk: a.desk, Connections: s.connections, Metrics: a.metrics.Handler(),
		Version: a.Version, Started: a.house.started, Loopback: loopback(a.admin.Addr()),
		Stopping: func() bool { return a.house.stopping.Err() != nil },
		Loading:  a.loading, Changing: a.changing, Settings: a.readings, Reload: a.Reload, Shared: a.replicas,
		Rules: s.ruled,
		Runner: func(model wire.Name, connection string, asked wire.Runner) wire.Runner {
			return s.rules.For(model, connection).Runner(asked)
		},
	})
}

// ruled is what rules want of a model on a connection, as the operator could have written it.
func (s *settings) ruled(model wire.Name, connection string) admin.Rules {
	wish := s.rules.For(model, connection)
	return admin.Rules{
		KeepAlive: shown(wish.KeepAlive, func(k rewrite.KeepAlive) any { return lasting(k) }),
		NumCtx:    shown(wish.NumCtx, func(n int) any { return n }),
	}
}
