package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// certificate writes a self-signed one and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestServersBehindTLSAreTrustedByTheirCAShownACertificateAndGivenTheirHeaders(t *testing.T) {
	cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := ollamatest.New(with("tiny-chain"))
	t.Cleanup(s.Close)
	srv := httptest.NewUnstartedServer(s)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	t.Setenv("TEST_GPU_TOKEN", "t0k")
	for what, c := range map[string]struct {
		tls string
		ok  bool
	}{
		"ca":             {"ca: " + cert + ", cert: " + cert + ", key: " + key, true},
		"insecure":       {"insecure: true, cert: " + cert + ", key: " + key, true},
		"unknown":        {"cert: " + cert + ", key: " + key, false},
		"no certificate": {"ca: " + cert, false},
	} {
		file := filepath.Join(t.TempDir(), "gollamas.yaml")
		text := "connections: {other: {url: " + srv.URL + ", tls: {cert: " + cert + ", key: " + key + "}}, lan: {url: " + srv.URL + ", headers: {Authorization: \"Bearer ${TEST_GPU_TOKEN}\"}, tls: {" + c.tls + "}}}\nmodels: {tiny-chain: lan}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := start(t, "--config", file)
		for range 2 { // the second on the connection of the first
			got := r.post("/api/chat", chat)
			if c.ok {
				got.want(t, 200, `"done":true`)
			} else {
				got.want(t, 502, "lan: ")
			}
		}
		if up := r.server(1).State().Up; up != c.ok {
			t.Errorf("%s: up %v: %s", what, up, r.server(1).State().Err)
		}
		if r.server(0).State().Up { // it is the very same server, and nobody has said how to trust it
			t.Errorf("%s: another connection trusts it too", what)
		}
		if c.ok && !strings.Contains(strings.Join(asked(s, "/api/chat")[0].Header["Authorization"], ""), "t0k") {
			t.Errorf("%s: the server got no token", what)
		}
	}
}
