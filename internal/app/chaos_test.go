package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
	"gollamas/internal/proxy"
)

// A chaos is how much of it there is: so many streams at once for so long, and every so often
// the next of four servers is killed; it comes back after half of that.
type chaos struct {
	length  time.Duration
	streams int
	kill    time.Duration
	watch   time.Duration
	pace    time.Duration
}

// chaosShape is a small one, or the one that is promised: GOLLAMAS_CHAOS=60s.
func chaosShape(t *testing.T) chaos {
	full := os.Getenv("GOLLAMAS_CHAOS")
	if full == "" {
		return chaos{6 * time.Second, 200, time.Second, 500 * time.Millisecond, 40 * time.Millisecond}
	}
	length, err := time.ParseDuration(full)
	if err != nil {
		t.Fatalf("GOLLAMAS_CHAOS: %v", err)
	}
	return chaos{length, 1000, 5 * time.Second, 5 * time.Second, 200 * time.Millisecond}
}

// A tally is what gollamas told, and what the clients saw.
type tally struct {
	exchanges, failed, failovers atomic.Int64 // told
	whole, cut, refused          atomic.Int64 // seen: an error in a stream, an error in its place
	peak                         atomic.Int64 // goroutines
	mu                           sync.Mutex
	dishonest                    []string
}

func (y *tally) note(x proxy.Exchange) {
	y.exchanges.Add(1)
	if x.Err != "" {
		y.failed.Add(1)
	}
	if len(x.Attempts) > 1 {
		y.failovers.Add(1)
	}
}

// A dialectOf is how a stream is asked for, how it ends, and how an error in it looks.
type dialectOf struct{ path, body, end, failure string }

var spoken = []dialectOf{
	{"/api/chat", `{"model":"%s","messages":[{"role":"user","content":"x"}]}`, `"done":true`, `{"error":"`},
	{"/v1/chat/completions", `{"model":"%s","stream":true,"messages":[{"role":"user","content":"x"}]}`, "data: [DONE]\n\n", `data: {"error":{"message":"`},
	{"/v1/messages", `{"model":"%s","stream":true,"max_tokens":99,"messages":[{"role":"user","content":"x"}]}`, `"message_stop"`, `data: {"type":"error","error":{`},
}

// chat asks for one stream and judges how it ends.
func (y *tally) chat(ctx context.Context, client *http.Client, url string) {
	d := spoken[rand.IntN(len(spoken))]
	body := fmt.Sprintf(d.body, fmt.Sprintf("m%d", rand.IntN(4)))
	req, err := http.NewRequestWithContext(ctx, "POST", url+d.path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	res, err := client.Do(req)
	if err != nil {
		y.accuse("no answer at all: " + err.Error())
		return
	}
	defer res.Body.Close()
	status := res.StatusCode
	text := new(bytes.Buffer)
	_, err = bufio.NewReader(res.Body).WriteTo(text)
	last := text.String()
	last = last[max(0, len(last)-1000):]
	switch {
	case err == nil && status == http.StatusOK && strings.Contains(last, d.end):
		y.whole.Add(1)
	case err == nil && status == http.StatusOK && strings.Contains(last, d.failure):
		y.cut.Add(1)
	case err == nil && status >= 500 && strings.Contains(last, `"error":`):
		y.refused.Add(1)
	default:
		y.accuse(fmt.Sprintf("%s: %d %v …%q", d.path, status, err, last))
	}
}

func (y *tally) accuse(what string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.dishonest = append(y.dishonest, what)
}

// sample notes how many goroutines there are, until ctx ends.
func (y *tally) sample(ctx context.Context) {
	for ctx.Err() == nil {
		y.peak.Store(max(y.peak.Load(), int64(runtime.NumGoroutine())))
		time.Sleep(50 * time.Millisecond)
	}
}

// killInTurn kills the next server every so often and brings it back, until ctx ends.
func (c chaos) killInTurn(ctx context.Context, t *testing.T, boxes []*ollamatest.Server) {
	for i := 0; ; i++ {
		if !sleep(ctx, c.kill/2) {
			return
		}
		b := boxes[i%len(boxes)]
		b.Stop()
		sleep(ctx, c.kill/2)
		restarted(t, b)
	}
}

// restarted brings a box back. Its port may just be the other end of somebody's connection.
func restarted(t *testing.T, b *ollamatest.Server) {
	err := b.Restart()
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); err = b.Restart() {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// heap is what is in use once all that is not is swept.
func heap() float64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied in two
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// TestChaos is the storm: servers die and come back under streams. Every exchange ends in a
// whole answer or an honest error, and nothing is left behind.
func TestChaos(t *testing.T) {
	shape, seen := chaosShape(t), &tally{}
	goroutines := settled()
	boxes, flags := chaosBoxes(t, shape)
	r := &running{t: t, done: make(chan error, 1), log: &syncBuffer{}}
	stopped := r.chaosRun(t, seen, append(flags, "--watch", shape.watch.String())...)
	fleet.FirstLook(t.Context(), r.connections, 10*time.Second)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: shape.streams, DisableCompression: true}}
	seen.chat(t.Context(), client, r.url)
	before := heap()

	ctx, calm := context.WithTimeout(t.Context(), shape.length)
	defer calm()
	var killer, clients sync.WaitGroup
	killer.Go(func() { shape.killInTurn(ctx, t, boxes) })
	killer.Go(func() { seen.sample(ctx) })
	for range shape.streams {
		clients.Go(func() {
			for ctx.Err() == nil {
				seen.chat(t.Context(), client, r.url)
			}
		})
	}
	clients.Wait()
	killer.Wait()
	seen.judge(t)
	r.wantIdle(t)
	for _, b := range boxes {
		eventually(t, func() bool { return b.InFlight() == 0 })
	}
	eventually(t, func() bool { return r.post("/api/chat", fmt.Sprintf(spoken[0].body, "m0")).status == 200 })
	client.CloseIdleConnections()
	stopped()
	for _, b := range boxes {
		b.Close()
	}
	after := heap()
	t.Logf("%d streams for %v: %d exchanges, %d whole, %d honest errors (%d in a stream, %d in its place), %d failovers; at most %d goroutines; heap %.1f MiB before, %.1f after",
		shape.streams, shape.length, seen.exchanges.Load(), seen.whole.Load(), seen.cut.Load()+seen.refused.Load(), seen.cut.Load(), seen.refused.Load(),
		seen.failovers.Load(), seen.peak.Load(), before, after)
	if after > before+8 {
		t.Errorf("the heap grew from %.1f to %.1f MiB", before, after)
	}
	if left := settled(); left > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, left)
	}
	runtime.KeepAlive(r)
}

// chaosBoxes are four servers of four models that remember nothing.
func chaosBoxes(t *testing.T, shape chaos) (boxes []*ollamatest.Server, flags []string) {
	for i := range 4 {
		o := with("m0", "m1", "m2", "m3")
		o.Parallel, o.Pace, o.Load, o.Remember = 1000, shape.pace, shape.pace, -1
		b := ollama(t, o)
		boxes = append(boxes, b)
		flags = append(flags, "--connection", fmt.Sprintf("s%d=%s", i, b.URL()))
	}
	return boxes, flags
}

// chaosRun is launch without a memory: neither log nor exchanges are kept.
func (r *running) chaosRun(t *testing.T, seen *tally, flags ...string) (stopped func()) {
	a, err := New(load(t, flags...), slog.New(slog.DiscardHandler), seen.note)
	if err != nil {
		t.Fatal(err)
	}
	r.is(a)
	l, err := a.Listen()
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + l.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	go func() { r.done <- a.Run(ctx, ctx, l) }()
	stopped = sync.OnceFunc(func() {
		stop()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stopped)
	return stopped
}

// judge compares what the clients saw with what gollamas told, which is told before the last byte is read or soon after.
func (y *tally) judge(t *testing.T) {
	t.Helper()
	for _, what := range y.dishonest[:min(5, len(y.dishonest))] {
		t.Error(what)
	}
	if n := len(y.dishonest); n > 0 {
		t.Errorf("%d exchanges ended in neither a whole answer nor an honest error", n)
	}
	all := y.whole.Load() + y.cut.Load() + y.refused.Load()
	eventually(t, func() bool { return y.exchanges.Load() == all+int64(len(y.dishonest)) })
	if failed, seen := y.failed.Load(), y.cut.Load()+y.refused.Load(); failed != seen {
		t.Errorf("gollamas told of %d errors, the clients saw %d", failed, seen)
	}
}

// wantIdle fails where a request is still counted though all are over.
func (r *running) wantIdle(t *testing.T) {
	t.Helper()
	for _, c := range r.connections {
		for _, s := range c.Servers() {
			if n := s.InFlight(); n != 0 {
				t.Errorf("%s has %d in flight though all is over", s.ID(), n)
			}
			s.EachFacts(func(key string, f *fleet.Facts) {
				if f.InFlight != 0 {
					t.Errorf("%s has %d of %s in flight though all is over", s.ID(), f.InFlight, key)
				}
			})
		}
	}
}
