package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"gollamas/internal/config"
)

// healthTime is how long health waits for an answer, and healthText how many bytes of it are read.
const (
	healthTime = 3 * time.Second
	healthText = 4 << 10
)

// health asks the gollamas that these settings describe whether requests should be sent to it. It is for
// what watches a process from the outside, such as a container's health check.
func (t terminal) health(args []string) error {
	cfg, err := t.loadWith(flag.NewFlagSet("health", flag.ContinueOnError), args)
	if err != nil && !errors.Is(err, config.ErrNothing) { // its servers may have been flags of the other process
		return err
	}
	said, err := ask(healthURL(cfg))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, said)
	return err
}

// healthURL is where to ask: the operator's address, or the listener where there is none.
func healthURL(cfg config.Config) string {
	if cfg.Admin != "" {
		return "http://" + reachable(cfg.Admin) + "/readyz"
	}
	if cfg.ServerTLS.Cert != "" {
		return "https://" + reachable(cfg.Listen) + "/"
	}
	return "http://" + reachable(cfg.Listen) + "/"
}

// reachable is an address as it can be asked: for every address of the machine, loopback stands.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// ask returns the first line of a good answer. A certificate is not checked: it is for the name that
// clients know, which is not the one that is asked here.
func ask(url string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), healthTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	direct := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // #nosec G402 -- it asks this machine
	defer direct.CloseIdleConnections()
	res, err := (&http.Client{Transport: direct, CheckRedirect: stay}).Do(req)
	if err != nil {
		return "", fmt.Errorf("%s cannot be asked: %w", url, errors.Unwrap(err))
	}
	defer res.Body.Close()
	return verdict(url, res)
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// verdict is an answer's text, as an error where it is a bad one.
func verdict(url string, res *http.Response) (string, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, healthText))
	if err != nil {
		return "", fmt.Errorf("%s broke off: %w", url, err)
	}
	text := strings.TrimSpace(string(body))
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s says %d: %s", url, res.StatusCode, strings.ReplaceAll(text, "\n", "; "))
	}
	first, _, _ := strings.Cut(text, "\n")
	return first, nil
}
