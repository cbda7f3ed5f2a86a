package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"time"

	"gollamas/internal/app"
	"gollamas/internal/config"
	"gollamas/internal/telemetry"
)

// The variables that make a process play a role, and tell it where the server is.
const (
	roleEnv   = "GOLLAMAS_BENCH_ROLE"
	serverEnv = "GOLLAMAS_BENCH_SERVER"
)

// roleServer is the third role; the other two have their ways' names.
const roleServer = "server"

var roles = map[string]func(ctx context.Context, l net.Listener, server string) error{
	roleServer:         serveServer,
	wayNames[plain]:    servePlain,
	wayNames[gollamas]: serveGollamas,
	roleSpread:         serveSpread,
	roleHashes:         serveHashes,
	roleSwallows:       serveSwallows,
	roleDisk:           serveDisk,
}

// play plays a role until stdin ends, which it does at the latest when the
// bench dies. Ctrl-C is the bench's to act on.
func play(role string) error {
	signal.Ignore(os.Interrupt)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // however it ends, it is the end
		stop()
	}()
	serve, ok := roles[role]
	if !ok {
		return fmt.Errorf("there is no role %q", role)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := listenControl()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(hello{l.Addr().String(), control}); err != nil {
		return err
	}
	return serve(ctx, l, os.Getenv(serverEnv))
}

// serveGollamas is gollamas as an operator has it: the default level, at which
// every request is one line of JSON. Only the lines' file is special.
func serveGollamas(ctx context.Context, l net.Listener, server string) error {
	return serveSaid(ctx, l, "--connection", "bench="+server, "--proxy", modelName+"=bench")
}

// serveSaid is gollamas with an operator's flags.
func serveSaid(ctx context.Context, l net.Listener, flags ...string) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	given := config.Flags(fs)
	if err := fs.Parse(flags); err != nil {
		return err
	}
	cfg, err := config.Load(given, func(string) string { return "" })
	if err != nil {
		return err
	}
	lines, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer lines.Close()
	cfg.Admin, cfg.AdminAsked = "127.0.0.1:0", true
	a, err := app.New(cfg, telemetry.NewLogger(lines, cfg.Level))
	if err != nil {
		return err
	}
	if err := a.OpenAdmin(); err != nil { // it counts for metrics, too
		return err
	}
	return a.Run(ctx, ctx, l)
}

// servePlain is what one writes first: read the body, look the model up, let httputil do the rest. It logs nothing.
func servePlain(ctx context.Context, l net.Listener, server string) error {
	to, err := url.Parse(server)
	if err != nil {
		return err
	}
	silent := log.New(io.Discard, "", 0)
	proxies := map[string]*httputil.ReverseProxy{modelName: {
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4096},
		ErrorLog:      silent,
	}}
	return serveHTTP(ctx, l, silent, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var named struct{ Model string }
		if err := json.Unmarshal(body, &named); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		proxy, ok := proxies[named.Model]
		if !ok {
			http.Error(w, "no such model", http.StatusNotFound)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
}

// serveHTTP serves until ctx ends, and breaks off what is running then.
func serveHTTP(ctx context.Context, l net.Listener, remarks *log.Logger, h http.Handler) error {
	srv := &http.Server{Handler: h, ErrorLog: remarks, ReadHeaderTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
