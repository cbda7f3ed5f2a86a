package app

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"time"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

// outside is how servers are reached, and chosen. The zero value is the network; tests in pretended time have their own.
type outside struct {
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	resolve   func(ctx context.Context, host string) ([]netip.Addr, error)
	unwatched bool          // so are the files of the settings not: pretended time does not pass while the machine may say something
	patience  time.Duration // how long anything waits for the Redis that replicas share; 0 = as it is
	unguarded bool          // servers are chosen whatever they have a model loaded with: for tests only, that show what that costs
}

func newTable(cfg config.Config, connections []*fleet.Connection) (*route.Table, error) {
	models := make([]route.Model, len(cfg.Models))
	for i, m := range cfg.Models {
		models[i] = route.Model{Name: m.Name, Balance: cmp.Or(m.Balance, cfg.Balance)}
		for _, to := range m.Routes {
			models[i].To = append(models[i].To, route.To{Connection: connections[to.Connection], Weight: to.Weight, Tier: to.Tier})
		}
	}
	table, err := route.New(models, cfg.Aliases)
	if err == nil && cfg.AllowRunning {
		table.AllowRunning(connections, cfg.Balance)
	}
	return table, err
}
