package app

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
)

// A client that takes its answer slowly asks again on the same connection: nothing is wrong with either.
func TestASlowReaderMayAskAgainOnItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := ollamatest.NewPipes()
		var gone []error
		srv := &http.Server{IdleTimeout: idleClient, Handler: bounded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gone = append(gone, r.Context().Err())
			_, _ = io.Copy(io.Discard, r.Body)
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // as patient.rest does
			_, _ = io.WriteString(w, "hello")
		}))}
		go func() { _ = srv.Serve(door) }()
		var c net.Conn
		c, err := door.Dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(c)
		for range 2 {
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
			time.Sleep(2 * time.Second) // it is slow
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			if !strings.Contains(string(b), "hello") {
				t.Errorf("%s", b)
			}
		}
		for i, err := range gone {
			if err != nil {
				t.Errorf("request %d began with an ended context: %v", i+1, err)
			}
		}
		_ = c.Close()
		_ = srv.Close()
	})
}
