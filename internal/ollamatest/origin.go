package ollamatest

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// origins are the web pages that may use the server: exact ones, and ones with a single star.
type origins struct {
	exact []string
	wild  [][2]string
	all   bool
}

func newOrigins(extra []string) origins {
	list := append([]string(nil), extra...)
	for _, host := range []string{"localhost", "127.0.0.1", "0.0.0.0"} {
		list = append(list, "http://"+host, "https://"+host, "http://"+host+":*", "https://"+host+":*")
	}
	list = append(list, "app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*")
	var o origins
	for _, s := range list {
		if before, after, wild := strings.Cut(s, "*"); wild {
			o.wild = append(o.wild, [2]string{before, after})
		}
		o.exact = append(o.exact, strings.ToLower(strings.TrimSpace(s)))
		o.all = o.all || s == "*"
	}
	return o
}

func (o origins) allow(origin string) bool {
	if o.all {
		return true
	}
	for _, s := range o.exact {
		if s == origin {
			return true
		}
	}
	for _, w := range o.wild {
		if strings.HasPrefix(origin, w[0]) && strings.HasSuffix(origin, w[1]) {
			return true
		}
	}
	return false
}

const preflightHeaders = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta," +
	"X-Stainless-Arch,X-Stainless-Async,X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method," +
	"X-Stainless-Lang,X-Stainless-Os,X-Stainless-Package-Version,X-Stainless-Poll-Helper," +
	"X-Stainless-Retry-Count,X-Stainless-Runtime,X-Stainless-Runtime-Version,X-Stainless-Timeout"

// admitted judges the request's Origin and then its Host. If it reports false, it has answered.
func (c *call) admitted() bool { return c.fromAllowedOrigin() && c.forThisHost() }

func (c *call) fromAllowedOrigin() bool {
	origin := c.r.Header.Get("Origin")
	if origin == "" || origin == "http://"+c.r.Host || origin == "https://"+c.r.Host {
		return true
	}
	if !c.origins.allow(origin) {
		c.w.WriteHeader(http.StatusForbidden)
		return false
	}
	h := c.w.Header()
	if h.Set("Access-Control-Allow-Origin", origin); c.origins.all {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if c.r.Method != http.MethodOptions {
		if !c.origins.all {
			h.Set("Vary", "Origin")
		}
		return true
	}
	h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS")
	h.Set("Access-Control-Allow-Headers", preflightHeaders)
	h.Set("Access-Control-Max-Age", "43200")
	if !c.origins.all {
		h["Vary"] = []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
	}
	c.w.WriteHeader(http.StatusNoContent)
	return false
}

// forThisHost is Ollama's guard against DNS rebinding, which a server on a loopback address has.
func (c *call) forThisHost() bool {
	host, _, err := net.SplitHostPort(c.r.Host)
	if err != nil {
		host = c.r.Host
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || onThisMachine(ip) {
			return true
		}
	}
	if !localHost(strings.ToLower(host)) {
		c.w.WriteHeader(http.StatusForbidden)
		return false
	}
	if c.r.Method == http.MethodOptions {
		c.w.WriteHeader(http.StatusNoContent)
		return false
	}
	return true
}

func localHost(host string) bool {
	if host == "" || host == "localhost" {
		return true
	}
	if own, err := os.Hostname(); err == nil && host == strings.ToLower(own) {
		return true
	}
	for _, end := range []string{".localhost", ".local", ".internal"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return false
}

func onThisMachine(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr() == ip {
			return true
		}
	}
	return false
}
