package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/net/netutil"

	"gollamas/internal/config"
)

// serverPair reads what HTTPS is served with, nil = nothing: plain HTTP.
func serverPair(t config.ServerTLS) (*tls.Certificate, error) {
	if t == (config.ServerTLS{}) {
		return nil, nil
	}
	cert, wrong := os.ReadFile(t.Cert)
	if wrong != nil {
		wrong = fmt.Errorf("tls.cert: %w", wrong)
	}
	key, err := os.ReadFile(t.Key)
	if err != nil {
		wrong = errors.Join(wrong, fmt.Errorf("tls.key: %w", err))
	}
	if wrong != nil {
		return nil, wrong
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("tls.cert and tls.key (%s, %s): %w", t.Cert, t.Key, err)
	}
	return &pair, nil
}

// serverTLS gives each handshake the certificate of now; what was shaken before goes on.
func (a *App) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.settings().pair, nil },
	}
}

// limited has connections wait that come while there are so many, 0 = none has to.
func limited(l net.Listener, most int) net.Listener {
	if most == 0 {
		return l
	}
	return netutil.LimitListener(l, most)
}
