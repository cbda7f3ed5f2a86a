//go:build unix

package app

import (
	"runtime"
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
	return min(want, int(limit.Cur)-500) // their other ends are another process's
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
	began := time.Now()
	leave := crowd(t, n, r.address())
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
	leave()
	r.stop()
	r.now()
	r.over()
	s.Close()
	if left := settled(); left > goroutines+5 { // of the tests' own clients
		t.Errorf("%d goroutines before, %d after", goroutines, left)
	}
}
