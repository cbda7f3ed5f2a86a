package ollamatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Start makes a server that listens on a free port of 127.0.0.1.
func Start(o Options) (*Server, error) {
	s := New(o)
	if err := s.listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("ollamatest: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr = l.Addr().String()
	web := s.web
	s.calls.Go(func() { _ = web.Serve(l) })
	return nil
}

// Serve answers the connections of l until Stop or Close. It is for listeners without a socket.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	web := s.web
	s.mu.Unlock()
	if web == nil {
		_ = l.Close()
		return http.ErrServerClosed
	}
	return web.Serve(l)
}

// URL is where the server listens, "" if Start did not make it.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == "" {
		return ""
	}
	return "http://" + s.addr
}

// Stop makes the server a dead box: it closes the listener and tears every connection, whatever
// it carries. When it returns, nothing is in flight and nothing is loaded.
func (s *Server) Stop() {
	s.mu.Lock()
	web := s.web
	s.web = nil
	s.kill()
	s.mu.Unlock()
	if web != nil {
		_ = web.Close()
	}
	s.calls.Wait()
	s.memory.clear()
}

// Restart brings a stopped server back on the same address, with nothing loaded. A server that
// was given to Serve is given to it again after Restart.
func (s *Server) Restart() error {
	s.Stop()
	s.mu.Lock()
	closed, addr := s.closed, s.addr
	s.mu.Unlock()
	if closed {
		return errors.New("ollamatest: the server is closed")
	}
	s.revive()
	if addr == "" {
		return nil
	}
	return s.listen(addr)
}

// Close stops the server for good and ends every goroutine it started.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Stop()
}

func (s *Server) revive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life, s.kill = context.WithCancel(context.Background())
	// Ollama itself serves from the default mux, whose cleaning of paths answers before anything else.
	mux := http.NewServeMux()
	mux.Handle("/", s)
	s.web = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
}

// enter admits a request, or says that the box is dead.
func (s *Server) enter() (life context.Context, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.web == nil {
		return nil, false
	}
	s.calls.Add(1)
	s.flying.Add(1)
	return s.life, true
}

func (s *Server) leave() {
	s.flying.Add(-1)
	s.calls.Done()
}
