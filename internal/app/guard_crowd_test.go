//go:build unix

package app

import (
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crowded is how many connections to hold: 10,000, or as many as files may be open.
func crowded(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	want := connectionsInAll
	if testing.Short() {
		want = 1000
	}
	return min(want, (int(limit.Cur)-200)/2) // both ends are here
}

// memory is what Go has in use once what nobody needs is gone.
func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func TestACrowdOfConnectionsHoldsUpNobodyAndLeavesNothing(t *testing.T) {
	n := crowded(t)
	goroutines := settled()
	s := ollama(t, with("tiny-chain"))
	r := start(t, "--connection", "s="+s.URL(), "--read-header", "5m")
	r.post("/api/chat", chat).want(t, 200, "done")
	before := memory()
	conns := make([]net.Conn, n)
	began := time.Now()
	var wg sync.WaitGroup
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < n; i += 4 {
				c, err := net.Dial("tcp", r.address())
				if err != nil {
					t.Error(err)
					return
				}
				if conns[i] = c; i%2 == 0 { // the others say nothing
					_, _ = io.WriteString(c, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nX-A: ")
				}
			}
		})
	}
	wg.Wait()
	eventually(t, func() bool { return runtime.NumGoroutine() >= goroutines+n }) // each is being served
	opened := time.Since(began)
	each := (int64(memory()) - int64(before)) / int64(n)
	began = time.Now()
	const others = 20
	for range others {
		r.post("/api/chat", chat).want(t, 200, `"done":true`)
	}
	took := time.Since(began) / others
	t.Logf("%d connections within %v, %d bytes of memory each; an answer for others takes %v", n, opened.Round(time.Millisecond), each, took.Round(time.Microsecond))
	if each > 40<<10 && connectionsInAll >= 10_000 { // the race detector takes more
		t.Errorf("%d bytes for a connection that has said nothing", each)
	}
	if took > 500*time.Millisecond {
		t.Errorf("an answer for others takes %v", took)
	}
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
	r.stop()
	r.now()
	r.over()
	s.Close()
	if left := settled(); left > goroutines+5 { // of the tests' own clients
		t.Errorf("%d goroutines before, %d after", goroutines, left)
	}
}
