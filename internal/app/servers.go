package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

// outside is how servers are reached, and chosen. The zero value is the network; tests in pretended time have their own.
type outside struct {
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	resolve   func(ctx context.Context, host string) ([]netip.Addr, error)
	patience  time.Duration // how long anything waits for the Redis that replicas share; 0 = as it is
	unguarded bool          // servers are chosen whatever they have a model loaded with: for tests only, that show what that costs
}

// newConnections makes what each connection needs. The files that are named are
// opened; no server is asked anything.
func newConnections(cfg config.Config, world outside, common fleet.Options) ([]*fleet.Connection, error) {
	var out []*fleet.Connection
	var wrong []error
	for _, c := range cfg.Connections {
		conf, err := clientTLS(c.TLS)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.tls: %w", c.Place, err))
		}
		o := common
		o.ID, o.URL, o.Header, o.TLS, o.Parallel, o.Dial = c.ID, c.URL, c.Header, conf, c.Parallel, world.dial
		if c.Discover {
			out = append(out, fleet.Discover(o, world.resolve))
		} else {
			out = append(out, fleet.Fixed(o))
		}
	}
	return out, errors.Join(wrong...)
}

func clientTLS(t config.TLS) (*tls.Config, error) {
	if t == (config.TLS{}) {
		return nil, nil
	}
	conf := &tls.Config{InsecureSkipVerify: t.Insecure} // by name, for that one server only
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s holds no certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("cert and key belong together, and one of them is missing")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("cert and key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
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
