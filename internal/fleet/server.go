// Package fleet is the servers: how each is reached, and what was last seen of it.
package fleet

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout is how long a server may take to accept a connection. A dead
// box answers nothing at all, and a request waits this long to know.
const dialTimeout = 5 * time.Second

// Options are how a server is reached.
type Options struct {
	ID     string                                                               // the operator's name for it; empty = its URL
	URL    *url.URL                                                             // http or https, perhaps with a path in front of /api
	Header http.Header                                                          // sent with every request, in the place of the client's
	TLS    *tls.Config                                                          // for https; nil = the system's
	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil = net.Dialer
	Watch  time.Duration                                                        // between two looks; 0 = 5s
	Via    string                                                               // who looks, for the field ViaHeader; "" = nobody says

	Parallel int          // requests at once, 0 = no limit
	Stall    Stall        // how long it may send nothing
	Log      *slog.Logger // told when something changes; nil = nobody is
	Changed  func()       // called when a look is over; nil = nobody is
}

// A Pace is how often a server is looked at, and how long it may send nothing.
type Pace struct {
	Watch time.Duration // 0 = 5s
	Stall Stall
}

// usualWatch is how often servers are looked at where nobody says.
const usualWatch = 5 * time.Second

func (s *Server) setPace(p Pace) {
	if p.Watch <= 0 {
		p.Watch = usualWatch
	}
	s.pace.Store(&p)
}

// ViaHeader is the header field that names each gollamas a request has been
// through, so that one whose server's URL leads back to it notices.
const ViaHeader = "X-Gollamas-Via"

// A Server is one Ollama. Its state is read without a lock.
type Server struct {
	opts Options
	id   string
	// connection is the ID of what the operator named, where that is more than this server
	connection string
	address    string // host:port
	prefix     string // the URL's path, without a slash at the end
	state      atomic.Pointer[State]
	breaker    atomic.Pointer[Breaker]

	pairs    sync.Map // a model's key → *pair
	pushing  atomic.Pointer[Push]
	parallel atomic.Int64 // requests at once, 0 = no limit
	pace     atomic.Pointer[Pace]
	inFlight atomic.Int64 // requests that take a place, of all models
	others   atomic.Int64 // requests that other replicas have on it
	changing atomic.Int64 // requests that change what it has installed
	left     atomic.Bool  // its address is gone, or its connection: nobody is to choose it
	watched  atomic.Bool  // somebody looks at it
	notes    notes

	mu      sync.Mutex      // for changing state and breaker
	failed  map[string]bool // models that have failed since anything last worked
	failing atomic.Bool     // the breaker is open or counts, or failed is not empty
	refused time.Time       // when it last took no connection

	again  chan struct{}      // asks for a look soon
	now    chan chan struct{} // asks for a look at once, and to be told when it is over
	looked sync.Once
	first  chan struct{} // closed when the first look is over
}

// New returns a server that nobody has looked at yet.
func New(o Options) *Server {
	port := o.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[o.URL.Scheme]
	}
	s := &Server{
		opts:    o,
		id:      cmp.Or(o.ID, o.URL.Redacted()),
		address: net.JoinHostPort(o.URL.Hostname(), port),
		prefix:  strings.TrimRight(o.URL.EscapedPath(), "/"),
		failed:  map[string]bool{},
		again:   make(chan struct{}, 1),
		now:     make(chan chan struct{}),
		first:   make(chan struct{}),
	}
	s.setPace(Pace{o.Watch, o.Stall})
	if o.Log == nil {
		s.opts.Log = silent
	}
	s.parallel.Store(int64(o.Parallel))
	s.state.Store(&State{})
	s.breaker.Store(&Breaker{})
	return s
}

// ID is what stands for the server in answers, logs and metrics: the
// operator's name for it, or its URL without anything secret.
func (s *Server) ID() string { return s.id }

// Connection is the ID of the connection it belongs to: its own, unless that has several servers.
func (s *Server) Connection() string { return cmp.Or(s.connection, s.id) }

// URL is where it stands, without a user or password.
func (s *Server) URL() string { return s.opts.URL.Scheme + "://" + s.address + s.prefix }

// Host is the value of the Host header. A loopback Ollama refuses any other (routes.go:1776).
func (s *Server) Host() string { return s.opts.URL.Host }

// Prefix is the path that stands in front of Ollama's own.
func (s *Server) Prefix() string { return s.prefix }

// Header is sent with every request, in the place of the client's fields of the same names.
func (s *Server) Header() http.Header { return s.opts.Header }

// State is what was last seen. It is never nil and never changes.
func (s *Server) State() *State { return s.state.Load() }

// Parallel is how many requests it is given at once, 0 = as many as come.
func (s *Server) Parallel() int { return int(s.parallel.Load()) }

// InFlight is how many requests that take a place are on it now.
func (s *Server) InFlight() int { return int(s.inFlight.Load()) }

// Others is how many requests other replicas have on it, as far as they share that; 0 where nobody knows.
func (s *Server) Others() int { return int(s.others.Load()) }

// SetOthers is told what Others is.
func (s *Server) SetOthers(n int) { s.others.Store(int64(n)) }

// Taken is how many of its places are taken, by requests of ours and of other replicas.
func (s *Server) Taken() int { return s.InFlight() + s.Others() }

// Left says that its address is gone, or its connection: its running answers may end, and it gets no more requests.
func (s *Server) Left() bool { return s.left.Load() }

// Dial opens a connection, with TLS where the URL says https.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := s.opts.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	c, err := dial(ctx, "tcp", s.address)
	if err != nil || s.opts.URL.Scheme != "https" {
		return c, err
	}
	conf := s.opts.TLS.Clone()
	if conf == nil {
		conf = &tls.Config{}
	}
	if conf.ServerName == "" {
		conf.ServerName = s.opts.URL.Hostname()
	}
	conf.NextProtos = []string{"http/1.1"}
	secure := tls.Client(c, conf)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}
