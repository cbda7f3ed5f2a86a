package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"gollamas/internal/ollamatest"
)

// The roles of an upload to two servers: gollamas, and the kinds of servers.
const (
	roleSpread   = "gollamas that spreads"
	roleHashes   = "server that hashes"   // as Ollama does
	roleSwallows = "server that swallows" // whose work is next to none
	roleDisk     = "server as fast as a disk"
)

// diskPace is how many bytes a second a server takes whose disk is a good one.
const diskPace = 400 << 20

// serveSpread is gollamas in front of the servers, which stand in a row.
func serveSpread(ctx context.Context, l net.Listener, servers string) error {
	flags := []string{"--manage"}
	for i, url := range strings.Fields(servers) {
		id := string(rune('a' + i))
		flags = append(flags, "--connection", id+"="+url, "--proxy", "*="+id)
	}
	return serveSaid(ctx, l, flags...)
}

func serveHashes(ctx context.Context, l net.Listener, _ string) error {
	s := ollamatest.New(ollamatest.Options{Remember: -1})
	defer s.Close()
	return serveHTTP(ctx, l, log.New(io.Discard, "", 0), s)
}

func serveSwallows(ctx context.Context, l net.Listener, _ string) error {
	return serveTaker(ctx, l, func(body io.Reader) (int64, error) { return io.CopyBuffer(hole{}, body, make([]byte, 256<<10)) })
}

func serveDisk(ctx context.Context, l net.Listener, _ string) error {
	return serveTaker(ctx, l, paced)
}

// A hole takes what it is given. io.Discard would read in pieces of its own size.
type hole struct{}

func (hole) Write(b []byte) (int, error) { return len(b), nil }

// paced reads no faster than diskPace.
func paced(body io.Reader) (n int64, err error) {
	from, b := time.Now(), make([]byte, 256<<10)
	for err == nil {
		var some int
		some, err = body.Read(b)
		n += int64(some)
		if ahead := time.Duration(float64(n)/diskPace*1e9) - time.Since(from); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// serveTaker is a server that has nothing and takes uploads.
func serveTaker(ctx context.Context, l net.Listener, take func(io.Reader) (int64, error)) error {
	mux := http.NewServeMux()
	none := answerWith(`{"models":[]}`)
	mux.HandleFunc("GET /api/tags", none)
	mux.HandleFunc("GET /api/ps", none)
	mux.HandleFunc("GET /api/version", answerWith(`{"version":"0.33.0"}`))
	mux.HandleFunc("HEAD /api/blobs/{digest}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	mux.HandleFunc("POST /api/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := take(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return serveHTTP(ctx, l, log.New(io.Discard, "", 0), mux)
}
