package gateway

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// The headers that browsers may send, and what else a preflight is told: routes.go:1845.
const (
	allowMethods = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
	allowHeaders = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta," +
		"X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method," +
		"X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,X-Stainless-Poll-Helper," +
		"X-Stainless-Retry-Count,X-Stainless-Runtime,X-Stainless-Runtime-Version,X-Stainless-Timeout"
	maxAge = "43200"
)

// Origins are the web pages that may ask, and the Host names that may be asked
// for. The servers would judge an Origin by a Host they never see, so gollamas
// judges it in their place, by Ollama's rules.
type Origins struct {
	any      bool
	exact    map[string]bool
	prefixes [][2]string // what stands before and behind a *
	loopback bool        // gollamas listens on loopback only, so other Host names are a page's trick
}

// NewOrigins allows what Ollama allows by default and what extra names, in the
// form of OLLAMA_ORIGINS: separated by commas, one * in each.
func NewOrigins(extra string, loopback bool) *Origins {
	o := &Origins{exact: map[string]bool{}, loopback: loopback}
	for _, host := range []string{"localhost", "127.0.0.1", "0.0.0.0"} {
		for _, scheme := range []string{"http://", "https://"} {
			o.allow(scheme + host)
			o.allow(scheme + host + ":*")
		}
	}
	for _, scheme := range []string{"app", "file", "tauri", "vscode-webview", "vscode-file"} {
		o.allow(scheme + "://*")
	}
	for pattern := range strings.SplitSeq(extra, ",") {
		if pattern = strings.ToLower(strings.TrimSpace(pattern)); pattern != "" {
			o.allow(pattern)
		}
	}
	return o
}

func (o *Origins) allow(pattern string) {
	before, after, wild := strings.Cut(pattern, "*")
	switch {
	case pattern == "*":
		o.any = true
	case wild:
		o.prefixes = append(o.prefixes, [2]string{before, after})
	default:
		o.exact[pattern] = true
	}
}

func (o *Origins) allowed(origin string) bool {
	if o.any || o.exact[origin] {
		return true
	}
	for _, p := range o.prefixes {
		if strings.HasPrefix(origin, p[0]) && strings.HasSuffix(origin, p[1]) {
			return true
		}
	}
	return false
}

// judge returns the header fields that every answer to this request carries,
// and the answer where there is to be no other: to a preflight, to a page that
// may not ask, and to a Host that is not ours.
func (o *Origins) judge(method, origin, host string) (http.Header, *Answer) {
	var fields http.Header
	if origin != "" && origin != "http://"+host && origin != "https://"+host {
		if !o.allowed(origin) {
			return nil, &Answer{Status: http.StatusForbidden, Why: "a page of " + origin + " may not ask: OLLAMA_ORIGINS does not name it"}
		}
		fields = o.fields(origin, method == http.MethodOptions)
		if method == http.MethodOptions {
			return fields, &Answer{Status: http.StatusNoContent}
		}
	}
	if !o.loopback || localAddress(host) {
		return fields, nil
	}
	if !localName(host) {
		return fields, &Answer{Status: http.StatusForbidden, Why: "gollamas listens on this machine only, and " + host + " is not its name"}
	}
	if method == http.MethodOptions {
		return fields, &Answer{Status: http.StatusNoContent}
	}
	return fields, nil
}

func (o *Origins) fields(origin string, preflight bool) http.Header {
	h := http.Header{}
	if preflight {
		h["Access-Control-Allow-Methods"] = []string{allowMethods}
		h["Access-Control-Allow-Headers"] = []string{allowHeaders}
		h["Access-Control-Max-Age"] = []string{maxAge}
	}
	if o.any {
		h["Access-Control-Allow-Origin"] = []string{"*"}
		return h
	}
	h["Vary"] = []string{"Origin"}
	if preflight {
		h["Vary"] = []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
	return h
}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// localAddress says whether host is an address that leads to this machine or its network.
func localAddress(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(hostName(host), "[]"))
	if err != nil {
		return false
	}
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || ownAddress(ip)
}

func ownAddress(ip netip.Addr) bool {
	addrs, _ := net.InterfaceAddrs() // none known = none ours
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.AsSlice()) {
			return true
		}
	}
	return false
}

// localName says whether host is a name that no page from elsewhere can have.
func localName(host string) bool {
	name := strings.ToLower(hostName(host))
	if name == "" || name == "localhost" {
		return true
	}
	if own, err := os.Hostname(); err == nil && name == strings.ToLower(own) {
		return true
	}
	return strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".internal")
}
