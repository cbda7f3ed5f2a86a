package app

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trusting is a client that trusts one certificate, and speaks HTTP/2 where h2 is set.
func trusting(t *testing.T, cert string, h2 bool) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate")
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}
	if !h2 {
		tr.TLSClientConfig.NextProtos = []string{"http/1.1"}
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestHTTPSIsServedByHTTP2AndHTTP1(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	cert, key := certificate(t)
	r := start(t, "--connection", "s="+s.URL(), "--tls-cert", cert, "--tls-key", key)
	for h2, want := range map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"} {
		res, err := trusting(t, cert, h2).Post(r.url+"/api/chat", "application/json", strings.NewReader(chat))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.Proto != want || res.StatusCode != 200 || !strings.Contains(string(body), `"done":true`) || res.TLS.Version < tls.VersionTLS12 {
			t.Errorf("%s, not %s: %d %v %s", res.Proto, want, res.StatusCode, err, body)
		}
	}
	if !strings.Contains(r.log.String(), `"msg":"listening","address":"127.0.0.1:`) || !strings.Contains(r.log.String(), `"protocol":"https"`) {
		t.Errorf("the log does not say so:\n%s", r.log)
	}
	if _, err := tls.Dial("tcp", r.address(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// address is where it is served, without the scheme.
func (r *running) address() string { return r.url[strings.Index(r.url, "//")+2:] }

func TestPlainHTTPOnTheHTTPSPortIsToldSo(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	cert, key := certificate(t)
	r := start(t, "--connection", "s="+s.URL(), "--tls-cert", cert, "--tls-key", key)
	ask(t, "GET", "http://"+r.address()+"/api/tags", "").want(t, 400, "Client sent an HTTP request to an HTTPS server")
}

func TestACertificateIsSwappedUnderARunningStream(t *testing.T) {
	o := with("tiny-chain")
	o.Pace = 20 * time.Millisecond
	s := ollama(t, o)
	cert, key := certificate(t)
	r := reloading(t, "--connection", "s="+s.URL(), "--tls-cert", cert, "--tls-key", key)
	client := trusting(t, cert, true)
	res, err := client.Post(r.url+"/api/chat", "application/json", strings.NewReader(chat))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	if _, err := in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	was := r.shown(t)
	otherCert, otherKey := certificate(t)
	move(t, otherCert, cert)
	move(t, otherKey, key)
	if err := r.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.shown(t) == was {
		t.Error("the old certificate is shown")
	}
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), `"done":true`) {
		t.Errorf("%v %s", err, rest)
	}
	if res, err := client.Get(r.url + "/api/version"); err != nil || res.StatusCode != 200 { // on the connection of before
		t.Error(err)
	} else {
		res.Body.Close()
	}
	if res, err := trusting(t, cert, true).Get(r.url + "/api/version"); err != nil {
		t.Errorf("who trusts the new one: %v", err)
	} else {
		res.Body.Close()
	}
}

func TestTheFilesOfTLSAreOpenedAtTheStart(t *testing.T) {
	cert, key := certificate(t)
	_, other := certificate(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	write(t, empty, "")
	for flags, want := range map[string]string{
		"/nowhere/c.pem " + key:         "tls.cert: open /nowhere/c.pem: no such file or directory",
		cert + " /nowhere/k.pem":        "tls.key: open /nowhere/k.pem: no such file or directory",
		"/nowhere/c.pem /nowhere/k.pem": "tls.cert: open /nowhere/c.pem: no such file or directory\ntls.key: open /nowhere/k.pem: no such file or directory",
		cert + " " + other:              fmt.Sprintf("tls.cert and tls.key (%s, %s): tls: private key does not match public key", cert, other),
		empty + " " + key:               "tls.cert and tls.key (" + empty,
	} {
		c, k, _ := strings.Cut(flags, " ")
		_, err := New(load(t, "--connection", "s=http://127.0.0.1:1", "--tls-cert", c, "--tls-key", k), nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v\nnot %s", flags, err, want)
		}
	}
}

func TestAHandshakeThatNeverEndsIsCut(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	cert, key := certificate(t)
	r := start(t, "--connection", "s="+s.URL(), "--tls-cert", cert, "--tls-key", key, "--read-header", "150ms")
	for what, said := range map[string]string{"nothing": "", "half a record": "\x16\x03\x01\x02\x00\x01"} {
		c, err := net.Dial("tcp", r.address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, said)
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("%s: %d %v", what, n, err)
		}
	}
}

func TestConnectionsPastTheLimitWait(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	cert, key := certificate(t)
	for name, flags := range map[string][]string{"http": nil, "https": {"--tls-cert", cert, "--tls-key", key}} {
		t.Run(name, func(t *testing.T) {
			r := operated(t, append(flags, "--connection", "s="+s.URL(), "--max-connections", "2")...)
			first, second := trusting(t, cert, false), trusting(t, cert, false)
			for _, c := range []*http.Client{first, second} { // each keeps its connection
				res, err := c.Get(r.url + "/api/version")
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			third := make(chan error, 1)
			go func() {
				res, err := trusting(t, cert, false).Get(r.url + "/api/version")
				if err == nil {
					res.Body.Close()
				}
				third <- err
			}()
			select {
			case err := <-third:
				t.Fatalf("it was served beside two others (%v)", err)
			case <-time.After(100 * time.Millisecond): // nothing can tell that something does not happen
			}
			r.op("/healthz").want(t, 200, "ok") // the operator's address has no limit
			second.CloseIdleConnections()
			select {
			case err := <-third:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(5 * time.Second):
				t.Error("it waits though a place is free")
			}
			first.CloseIdleConnections()
		})
	}
}
