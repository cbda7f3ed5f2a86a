package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// parseURL reads a server's URL. A user and password in it become the header that they stand for.
func parseURL(s string) (*url.URL, http.Header, error) {
	header := http.Header{}
	u, err := url.Parse(s)
	if err != nil {
		return nil, nil, fmt.Errorf("%q is not a URL", redact(s))
	}
	switch {
	case s == "":
		return nil, nil, errors.New("it has no url")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, nil, fmt.Errorf("%q needs http:// or https:// in front", redact(s))
	case strings.ContainsAny(u.Host, ", "):
		return nil, nil, fmt.Errorf("%q is more than one URL: name one at a time", redact(s))
	case u.Hostname() == "":
		return nil, nil, fmt.Errorf("%q names no host", redact(s))
	case strings.Contains(u.Path, "@"):
		return nil, nil, fmt.Errorf("%q has an @ behind its host: is the password escaped?", redact(s))
	case tooHigh(u.Port()):
		return nil, nil, fmt.Errorf("%q has a port that does not exist", redact(s))
	case u.RawQuery != "" || u.Fragment != "":
		return nil, nil, fmt.Errorf("%q has something behind its path: a server's URL ends there", redact(s))
	}
	if u.User != nil {
		password, _ := u.User.Password()
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, header, nil
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
func (c Connection) name() string { return cmp.Or(c.ID, c.URL.Redacted()) }

// sameServer says whether a URL, with the user and password that stood in it,
// is a connection's. One that names neither is the connection's too.
func sameServer(c Connection, u *url.URL, header http.Header) bool {
	const field = "Authorization"
	return sameURL(c.URL, u) && (header.Get(field) == "" || header.Get(field) == c.Header.Get(field))
}

func sameURL(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b) && a.EscapedPath() == b.EscapedPath()
}
