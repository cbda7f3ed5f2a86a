package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// discover stands before the URL of servers that are found by a name's addresses.
const discover = "dns+"

// parseURL reads a server's URL into a connection that has no more than that.
// A user and password in it become the header that they stand for.
func parseURL(s string) (Connection, error) {
	u, err := url.Parse(s)
	if err != nil {
		return Connection{}, fmt.Errorf("%q is not a URL", redact(s))
	}
	c := Connection{URL: u, Header: http.Header{}}
	u.Scheme, c.Discover = strings.CutPrefix(u.Scheme, discover)
	if err := checkURL(s, c); err != nil {
		return Connection{}, err
	}
	if u.User != nil {
		password, _ := u.User.Password()
		c.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return c, nil
}

// checkURL says what is wrong with a URL that was written as s.
func checkURL(s string, c Connection) error {
	u := c.URL
	switch {
	case s == "":
		return errors.New("it has no url")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q needs %s in front", redact(s), schemes(s))
	case strings.ContainsAny(u.Host, ", "):
		return fmt.Errorf("%q is more than one URL: name one at a time", redact(s))
	case u.Hostname() == "":
		return fmt.Errorf("%q names no host", redact(s))
	case c.Discover && isIP(u.Hostname()):
		return fmt.Errorf("%q has an IP address where %s needs a name to look up: leave %[2]s away", redact(s), discover)
	case strings.Contains(u.Path, "@"):
		return fmt.Errorf("%q has an @ behind its host: is the password escaped?", redact(s))
	case tooHigh(u.Port()):
		return fmt.Errorf("%q has a port that does not exist", redact(s))
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has something behind its path: a server's URL ends there", redact(s))
	}
	return nil
}

// schemes are what a URL may begin with. Those that look a name up are told to who seems to want one.
func schemes(s string) string {
	if s = strings.ToLower(s); strings.HasPrefix(s, discover) || strings.HasPrefix(s, "dns:") {
		return "http://, https://, dns+http:// or dns+https://"
	}
	return "http:// or https://"
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func tooHigh(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return port != "" && err != nil
}

// redact hides what may be a password or a token in what was given as a URL.
func redact(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = "…" + s[at:]
	}
	if q := strings.IndexByte(s, '?'); q >= 0 {
		s = s[:q] + "?…"
	}
	return s
}

// Redact is redact, for what stands where no setting belongs.
func Redact(s string) string { return redact(s) }

// name is what a person calls a connection by: its ID, or its URL where it has none.
func (c Connection) name() string { return cmp.Or(c.ID, c.spelled()) }

// spelled is the connection's URL as it was written, without a password.
func (c Connection) spelled() string {
	if c.Discover {
		return discover + c.URL.Redacted()
	}
	return c.URL.Redacted()
}

// sameServer says whether what stands in a URL is a connection's server, its user and password
// too. A URL that names neither is the connection's too. A name's every address is not the
// one server that a plain URL leads to.
func sameServer(c, written Connection) bool {
	const field = "Authorization"
	asks := written.Header.Get(field)
	return c.Discover == written.Discover && sameURL(c.URL, written.URL) && (asks == "" || asks == c.Header.Get(field))
}

func sameURL(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b) && a.EscapedPath() == b.EscapedPath()
}
