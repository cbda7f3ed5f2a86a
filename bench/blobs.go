package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// blobs measures an upload to two servers through gollamas, beside one straight to one of them.
func (r *runner) blobs(ctx context.Context) ([]measure, error) {
	digest, err := digestOf(r.blob)
	if err != nil {
		return nil, err
	}
	var all []measure
	for _, kind := range []string{roleHashes, roleSwallows, roleDisk} {
		for _, chunked := range []bool{true, false} {
			rows, err := r.spread(ctx, upload{kind: kind, digest: digest, size: r.blob, chunked: chunked})
			if err != nil {
				return nil, err
			}
			all = append(all, rows...)
		}
	}
	return all, nil
}

// An upload is a file on its way to servers of a kind.
type upload struct {
	kind    string
	digest  string
	size    int64
	chunked bool // as the ollama command sends it
}

func (u upload) title() string {
	how := map[bool]string{true: "in chunks", false: "with its length"}[u.chunked]
	return fmt.Sprintf("an upload of %.1f GB, %s, to a %s: through gollamas to two of them, beside straight to one%s", float64(u.size)/1e9, how, u.kind, u.short())
}

// short says what is to be known of a machine on which two servers take CPU from each other that one has for itself.
func (u upload) short() string {
	switch {
	case u.kind == roleDisk:
		return fmt.Sprintf(" (%d MiB/s)", diskPace>>20)
	case runtime.NumCPU() < 4: // the client, gollamas, and both servers
		return fmt.Sprintf(" (the four processes share %d CPUs, where straight it is two)", runtime.NumCPU())
	}
	return ""
}

// spread sends it both ways in turn, each time between new processes.
func (r *runner) spread(ctx context.Context, u upload) ([]measure, error) {
	rows := []measure{
		{key: "blobs", Case: u.title(), Name: "MiB/s"},
		{key: "blobs", Case: u.title(), Name: "of straight to one", Wanted: atLeast(0.8)},
		{key: "blobs", Case: u.title(), Name: "CPU a MiB", Unit: "µs"},
		{key: "blobs", Case: u.title(), Name: "peak memory above idle", Unit: "MiB", Wanted: below(64, "MiB")},
	}
	for range min(r.rounds, r.freshRounds) {
		alone, err := r.straight(ctx, u)
		if err != nil {
			return nil, fmt.Errorf("%s, straight: %w", u.kind, err)
		}
		values, err := r.through(ctx, u)
		if err != nil {
			return nil, fmt.Errorf("%s, by gollamas: %w", u.kind, err)
		}
		note(rows[:1], direct, []float64{alone})
		note(rows, gollamas, []float64{values[0], values[0] / alone, values[1], values[2]})
	}
	return rows, nil
}

// straight is how many MiB a second one server takes.
func (r *runner) straight(ctx context.Context, u upload) (float64, error) {
	p, err := start(ctx, u.kind, "")
	if err != nil {
		return 0, err
	}
	defer p.stop()
	return u.send(ctx, p.Address)
}

// through is how many MiB a second gollamas takes for two, its CPU for each, and the most memory it took.
func (r *runner) through(ctx context.Context, u upload) ([]float64, error) {
	var urls []string
	for range 2 {
		p, err := start(ctx, u.kind, "")
		if err != nil {
			return nil, err
		}
		defer p.stop()
		urls = append(urls, "http://"+p.Address)
	}
	p, err := start(ctx, roleSpread, strings.Join(urls, " "))
	if err != nil {
		return nil, err
	}
	defer p.stop()
	w := way{wayNames[gollamas], p.Address, p}
	if err := u.warm(ctx, p.Address); err != nil {
		return nil, err
	}
	before, err := p.usage(ctx, "memory")
	if err != nil {
		return nil, err
	}
	var speed float64
	cpu, err := w.costs(ctx, func() (err error) { speed, err = u.send(ctx, p.Address); return err })
	if err != nil {
		return nil, err
	}
	after, err := p.usage(ctx, "memory")
	return []float64{speed, cpu * 1e6 / (float64(u.size) / mebibyte), float64(after.Peak-before.Resident) / mebibyte}, err
}

// warm asks for a file that nobody has: gollamas has looked at its servers then.
func (u upload) warm(ctx context.Context, to string) error {
	return u.ask(ctx, http.MethodHead, to, nil, http.StatusNotFound)
}

// send uploads the file and returns the MiB/s.
func (u upload) send(ctx context.Context, to string) (float64, error) {
	from := time.Now()
	err := u.ask(ctx, http.MethodPost, to, &filler{left: u.size}, http.StatusCreated)
	return float64(u.size) / mebibyte / time.Since(from).Seconds(), err
}

func (u upload) ask(ctx context.Context, method, to string, body io.Reader, want int) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+to+"/api/blobs/"+u.digest, body)
	if err != nil {
		return err
	}
	if body != nil && !u.chunked {
		req.ContentLength = u.size
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1000))
	if note := res.Header.Get("X-Gollamas-Note"); res.StatusCode != want || note != "" {
		return fmt.Errorf("%s is %s, not %d: %s%s", method, res.Status, want, text, note)
	}
	return err
}

// A filler is a file that nobody had to write.
type filler struct{ left int64 }

var block = []byte(strings.Repeat("GGUF and fifteen more bytes\n", 1<<10))

func (f *filler) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(int64(len(b)), f.left)], block)
	f.left -= int64(n)
	return n, nil
}

// digestOf is the digest of such a file.
func digestOf(size int64) (string, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, &filler{left: size})
	if err == nil && n != size {
		err = errors.New("the file came out short")
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), err
}
