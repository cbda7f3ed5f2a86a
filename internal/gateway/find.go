package gateway

import (
	"net/http"
	"path"
	"strings"
)

// methodOrder is the order in which Ollama's router names methods in Allow.
var methodOrder = []string{"HEAD", "GET", "POST", "DELETE"}

// A Found is what a request is for.
type Found struct {
	Endpoint *Endpoint
	Segment  string      // the path's last one, where the endpoint leaves it free
	Header   http.Header // of every answer to this request
	Answer   *Answer     // in the endpoint's place: a redirect, 404, 405, a preflight's, or to who may not ask
}

// Find says what a request is for, from plain values, in Ollama's order:
// redirects come before it asks who is there, everything else after.
func (g *Gateway) Find(method, path, query, origin, host string) Found {
	e, segment, elsewhere := g.surface.find(method, path, query)
	if elsewhere != nil && elsewhere.Status < http.StatusBadRequest {
		return Found{Answer: elsewhere}
	}
	header, no := g.origins.judge(method, origin, host)
	if no == nil {
		return Found{e, segment, header, elsewhere}
	}
	if elsewhere != nil && elsewhere.Header["Allow"] != nil {
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header["Allow"] = elsewhere.Header["Allow"]
	}
	return Found{Header: header, Answer: no}
}

// A surface finds endpoints by path. Paths are compared byte by byte, as
// Ollama does: /API/tags is another path.
type surface struct {
	exact  map[string]map[string]*Endpoint // path → method
	prefix map[string]map[string]*Endpoint // all but the last segment → method
}

func newSurface(all []Endpoint) surface {
	s := surface{map[string]map[string]*Endpoint{}, map[string]map[string]*Endpoint{}}
	for i := range all {
		e := &all[i]
		in, key := s.exact, e.Path
		if before, _, ok := strings.Cut(e.Path, "{"); ok {
			in, key = s.prefix, before
		}
		if in[key] == nil {
			in[key] = map[string]*Endpoint{}
		}
		in[key][e.Method] = e
	}
	return s
}

// at is the endpoints of a path, by method, and the value of its last segment where that is free.
func (s surface) at(p string) (map[string]*Endpoint, string) {
	if e := s.exact[p]; e != nil {
		return e, ""
	}
	cut := strings.LastIndexByte(p, '/') + 1
	if e := s.prefix[p[:cut]]; e != nil && cut < len(p) {
		return e, p[cut:]
	}
	return nil, ""
}

// find returns the endpoint of a request, or the answer that Ollama's router
// gives in its place: a redirect, 404 or 405.
func (s surface) find(method, p, query string) (*Endpoint, string, *Answer) {
	if clean := cleanPath(p); clean != p {
		return nil, "", redirect(method, clean, query, http.StatusTemporaryRedirect)
	}
	methods, segment := s.at(p)
	if e := methods[method]; e != nil {
		return e, segment, nil
	}
	if methods != nil {
		a := plain(http.StatusMethodNotAllowed, "405 method not allowed")
		a.Header.Set("Allow", allowed(methods))
		a.Why = method + " is not allowed on " + p
		return nil, "", &a
	}
	if e, name := s.namespaced(method, p); e != nil {
		return e, name, nil
	}
	if to := otherSlash(p); to != "" {
		if there, _ := s.at(to); there[method] != nil {
			code := http.StatusTemporaryRedirect
			if method == http.MethodGet {
				code = http.StatusMovedPermanently
			}
			return nil, "", redirect(method, to, query, code)
		}
	}
	a := notFound()
	a.Why = "there is no path " + p
	return nil, "", &a
}

func notFound() Answer { return plain(http.StatusNotFound, "404 page not found") }

// namespaced takes GET /v1/models/me/x, which Ollama's router does not, though
// its list has such names: answering is better than 404.
func (s surface) namespaced(method, p string) (*Endpoint, string) {
	const models = "/v1/models/"
	name, ok := strings.CutPrefix(p, models)
	if !ok || method != http.MethodGet || strings.HasSuffix(name, "/") {
		return nil, ""
	}
	return s.prefix[models][method], name
}

func allowed(methods map[string]*Endpoint) string {
	var out []string
	for _, m := range methodOrder {
		if methods[m] != nil {
			out = append(out, m)
		}
	}
	return strings.Join(out, ", ")
}

// cleanPath is p without empty, "." and ".." segments, a slash at its end kept.
func cleanPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	clean := path.Clean(p)
	if clean != "/" && strings.HasSuffix(p, "/") {
		clean += "/"
	}
	return clean
}

// otherSlash is p with a slash less or more at its end.
func otherSlash(p string) string {
	if p == "/" {
		return ""
	}
	if short, ok := strings.CutSuffix(p, "/"); ok {
		return short
	}
	return p + "/"
}
