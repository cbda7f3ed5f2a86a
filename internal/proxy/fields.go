package proxy

import (
	"net/http"
	"slices"
	"strings"
)

// hopByHop are the fields that are for one connection only (RFC 9110, 7.6.1),
// as is whatever Connection names.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Connection": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

// passHead copies an answer's header, but not what gollamas itself says in the
// server's place. An answer to which something may be added, or whose names are replaced, has another length.
func passHead(to, from http.Header, resized bool) {
	named := from["Connection"]
	for name, values := range from {
		switch {
		case hopByHop[name], resized && name == "Content-Length", len(named) > 0 && hasToken(named, name):
		case name == "X-Request-Id", strings.HasPrefix(name, "Access-Control-"):
		case name == "Vary" && to[name] != nil:
			to[name] = append(slices.Clone(to[name]), values...)
		default:
			to[name] = values
		}
	}
}

// dropped are the client's header fields that end here, besides hopByHop. Host is the server's own; Origin would be refused by
// a loopback server (wire.md, 24 and 25); Authorization would go along to
// ollama.com; and an answer compressed on the way could not be read.
var dropped = map[string]bool{
	"Proxy-Authorization": true, "Http2-Settings": true, "Host": true, "Content-Length": true, "Expect": true,
	"Origin": true, "Authorization": true, "X-Api-Key": true, "Accept-Encoding": true,
}
