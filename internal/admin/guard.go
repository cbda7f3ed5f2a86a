package admin

import (
	"net"
	"net/netip"
	"strings"
)

// refuses says why a request may not be answered, "" = it may. A web page from elsewhere is
// not to read what is here: it would come with its own Origin, or, where it has had its own name
// lead to this machine, with that for a Host.
func (a *admin) refuses(host string, origins []string) string {
	for _, origin := range origins {
		if origin != "http://"+host && origin != "https://"+host {
			return "a page of " + visible(origin) + " may not ask"
		}
	}
	if a.Loopback && !local(host) {
		return "this address is for this machine only, and " + visible(host) + " is not its name: ask for localhost"
	}
	return ""
}

// local says whether host is an address, or a name that no page from elsewhere can have.
// HTTP/1.0 may leave it out, which no browser does.
func local(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if name == "" || strings.EqualFold(name, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}
