package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

// newServers makes a server of each connection. The files that are named are
// opened; no server is asked anything.
func newServers(cfg config.Config, via string) ([]*fleet.Server, error) {
	var out []*fleet.Server
	var wrong []error
	for _, c := range cfg.Connections {
		conf, err := clientTLS(c.TLS)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.tls: %w", c.Place, err))
		}
		out = append(out, fleet.New(fleet.Options{ID: c.ID, URL: c.URL, Header: c.Header, TLS: conf, Watch: cfg.Watch, Via: via}))
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

func newTable(cfg config.Config, servers []*fleet.Server) (*route.Table, error) {
	models := make([]route.Model, len(cfg.Models))
	for i, m := range cfg.Models {
		models[i].Name = m.Name
		for _, at := range m.Routes {
			models[i].Servers = append(models[i].Servers, servers[at.Connection])
		}
	}
	return route.New(models, cfg.Aliases)
}
