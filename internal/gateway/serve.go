package gateway

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// firstLooks is how long after the start a request waits for what the servers
// have: a list would be empty, and a model be loaded where it is not while another server has it.
const firstLooks = time.Second

// ServeHTTP answers one request and tells what became of it.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := proxy.Exchange{ID: requestID(r.Header["X-Request-Id"]), Client: r.RemoteAddr, Method: r.Method, Endpoint: "other", Start: time.Now()}
	w.Header()["X-Request-Id"] = []string{x.ID}
	r.Header["X-Request-Id"] = w.Header()["X-Request-Id"]
	whole := g.guarded(w, r, &x)
	x.Total = time.Since(x.Start)
	for _, tell := range g.done {
		tell(x)
	}
	if !whole {
		panic(http.ErrAbortHandler) // net/http's way to break a connection off
	}
}

// guarded serves, and turns a panic into an answer.
func (g *Gateway) guarded(w http.ResponseWriter, r *http.Request, x *proxy.Exchange) (whole bool) {
	defer func() {
		what := recover()
		if what == nil {
			return
		}
		if g.panicked != nil {
			g.panicked(x.ID, what)
		}
		x.Err = "gollamas failed inside; its log says more under this request's id"
		if whole = x.Status == 0; whole {
			proxy.WriteError(w, x.Dialect, http.StatusInternalServerError, x.Err, x)
		}
	}()
	return g.serve(w, r, x)
}

// serve is the whole chain: who may ask, what for, deciding, doing.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, x *proxy.Exchange) (whole bool) {
	found := g.Find(r.Method, r.URL.Path, r.URL.RawQuery, strings.Join(r.Header["Origin"], ", "), r.Host)
	for name, values := range found.Header {
		w.Header()[name] = values
	}
	if found.Answer != nil {
		return write(w, *found.Answer, x)
	}
	e := found.Endpoint
	x.Endpoint, x.Dialect = e.Path, e.Dialect
	by, no := g.admit(r.Header, e)
	if no != nil {
		return write(w, *no, x)
	}
	x.Key = by.Name()
	if no := g.again(r, e); no != nil {
		return write(w, *no, x)
	}
	end, no := g.take(r.Context(), by, e, x)
	if no != nil {
		return write(w, *no, x)
	}
	defer func() { end() }()
	x.Works = e.Works
	ask := Ask{Endpoint: e, Key: by, Target: r.URL.RequestURI(), Segment: found.Segment, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type"), Via: r.Header[fleet.ViaHeader]}
	if named := r.Header[serverHeader]; len(named) > 0 {
		if ask.Server = named[0]; e.Named && (len(named) > 1 || strings.TrimSpace(ask.Server) == "") {
			return write(w, refusal(e.Dialect, http.StatusBadRequest, serverHeader+" names one server, or is left out"), x)
		}
		delete(r.Header, serverHeader) // another gollamas has servers of other names
	}
	decoded := false
	switch {
	case g.barred(ask) != nil: // Decide says so
	case e.Raw:
		body := &patient{body: r.Body, control: http.NewResponseController(w)}
		defer body.rest()
		ask.Upload = ollama.Upload{From: &counted{body, &x.BytesIn}, Length: r.ContentLength, Type: "application/octet-stream", Enough: body.enough}
	case e.Kind == Forward || e.Kind == Change:
		if ask.Body, decoded, no = g.read(w, r, e); no != nil {
			if x.Gone = no.Status == proxy.StatusGone; x.Gone {
				x.Status = no.Status
				return false
			}
			return write(w, *no, x)
		}
		x.BytesIn = int64(len(ask.Body))
	}
	if early := firstLooks - time.Since(g.started); early > 0 && e.Kind != Local && e.Kind != Refuse {
		fleet.FirstLook(r.Context(), g.table.Connections(), early)
	}
	if strings.ContainsFunc(ask.Target, func(c rune) bool { return c <= ' ' || c == 0x7f }) { // HTTP/2 lets one through
		return write(w, refusal(e.Dialect, http.StatusBadRequest, "a blank or control character stands in the path or query"), x)
	}
	d := g.Decide(ask)
	x.Asked, x.Model = d.Asked, d.Model
	if d.Answer != nil {
		return write(w, *d.Answer, x)
	}
	if d.Wait != nil {
		return g.wait(w, r, e, d, x)
	}
	d.Job.Header, d.Job.Decoded = r.Header, decoded
	for name, values := range d.Header {
		w.Header()[name] = values
	}
	return g.engine.Carry(r.Context(), w, d.Job, x)
}

// again answers a request that has been here before, and marks one that has not.
func (g *Gateway) again(r *http.Request, e *Endpoint) *Answer {
	if g.via == "" {
		return nil
	}
	been := r.Header[fleet.ViaHeader]
	if slices.Contains(been, g.via) {
		a := refusal(e.Dialect, http.StatusLoopDetected, "this request has been through this gollamas before: the URL of one of its servers leads back to it")
		return &a
	}
	r.Header[fleet.ViaHeader] = append(slices.Clone(been), g.via)
	return nil
}

// write gives gollamas' own answer.
func write(w http.ResponseWriter, a Answer, x *proxy.Exchange) bool {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	n := 0
	if len(a.Body) > 0 {
		n, _ = w.Write(a.Body) // a client that is gone is not told
	}
	noteAttempts(x, a)
	x.Status, x.BytesOut, x.First = a.Status, int64(n), time.Since(x.Start)
	if a.Status >= http.StatusBadRequest && x.Err == "" {
		x.Err = cmp.Or(ollama.ErrorText(a.Body), a.Why)
	}
	return true
}

// requestID is the client's own, where it is fit for a log, or a new one.
func requestID(sent []string) string {
	if len(sent) == 1 && fitID(sent[0]) {
		return sent[0]
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], rand.Uint64()) // #nosec G404 -- an ID, and no secret
	return hex.EncodeToString(b[:])
}

func fitID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
