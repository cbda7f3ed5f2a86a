package app

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
)

// A link is how a connection is said, but for its places and its pace. Two that are said alike are one connection: what is known of its
// servers, and what runs on them, outlasts a reload.
type link struct {
	id, url, header string
	discover        bool
	tls             config.TLS
	files           [sha256.Size]byte // what is in those
}

// connect makes what each connection needs, or takes it from before. The files that are named are
// opened; no server is asked anything.
func (a *App) connect(cfg config.Config, before *settings) ([]*fleet.Connection, []link, error) {
	common := fleet.Options{
		Watch: cfg.Watch, Stall: paceOf(cfg).Stall, Via: a.via, Log: a.log, Changed: func() { a.desk.Dispatch(); a.looked.Ring() },
		Dial: a.world.dial,
	}
	var out []*fleet.Connection
	var links []link
	var wrong []error
	for _, c := range cfg.Connections {
		conf, read, err := clientTLS(c.TLS)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s.tls: %w", c.Place, err))
		}
		l := link{c.ID, c.URL.String(), headerText(c.Header), c.Discover, c.TLS, read}
		links = append(links, l)
		if had := before.linked(l); had != nil {
			out = append(out, had)
			continue
		}
		o := common
		o.ID, o.URL, o.Header, o.TLS, o.Parallel = c.ID, c.URL, c.Header, conf, c.Parallel
		if c.Discover {
			out = append(out, fleet.Discover(o, a.world.resolve))
		} else {
			out = append(out, fleet.Fixed(o))
		}
	}
	return out, links, errors.Join(wrong...)
}

// paceOf is how often servers are looked at, and how long they may send nothing.
func paceOf(cfg config.Config) fleet.Pace {
	return fleet.Pace{Watch: cfg.Watch, Stall: fleet.Stall{First: cfg.Stall.FirstToken, Next: cfg.Stall.NextToken}}
}

// linked is the connection that is said so already, nil = none is.
func (s *settings) linked(l link) *fleet.Connection {
	if s == nil {
		return nil
	}
	i := slices.Index(s.links, l)
	if i < 0 {
		return nil
	}
	return s.connections[i]
}

// headerText is a header as it would be sent, in order of names.
func headerText(h http.Header) string {
	var b bytes.Buffer
	_ = h.Write(&b) // a buffer takes everything
	return b.String()
}

// clientTLS is how a server is trusted, and how gollamas shows who it is. sum is of the files that it was read from.
func clientTLS(t config.TLS) (conf *tls.Config, sum [sha256.Size]byte, err error) {
	if t == (config.TLS{}) {
		return nil, sum, nil
	}
	var pem [3][]byte
	for i, path := range []string{t.CA, t.Cert, t.Key} {
		if path == "" {
			continue
		}
		if pem[i], err = os.ReadFile(path); err != nil { // #nosec G304 -- the operator names it
			return nil, sum, fmt.Errorf("%s: %w", [...]string{"ca", "cert and key", "cert and key"}[i], err)
		}
	}
	conf = &tls.Config{InsecureSkipVerify: t.Insecure} // #nosec G402 -- by name, for that one server only
	if t.CA != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem[0]) {
			return nil, sum, fmt.Errorf("ca: %s holds no certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, sum, errors.New("cert and key belong together, and one of them is missing")
	}
	if t.Cert != "" {
		pair, err := tls.X509KeyPair(pem[1], pem[2])
		if err != nil {
			return nil, sum, fmt.Errorf("cert and key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, sha256.Sum256(bytes.Join(pem[:], []byte{0})), nil
}
