package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// A usage is what a process says of itself.
type usage struct {
	CPU      time.Duration // user and system time
	CPUKnown bool
	Resident int64 // memory in use
	Peak     int64 // the most there ever was
	Inside   int64 // of heap and stacks, as the runtime counts them
}

// listenControl answers questions about the process on a listener of its own,
// so that asking goes through nothing that is measured.
func listenControl() (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cpu", func(w http.ResponseWriter, _ *http.Request) {
		var u usage
		u.CPU, u.CPUKnown = cpuTime()
		tell(w, u)
	})
	mux.HandleFunc("GET /memory", func(w http.ResponseWriter, _ *http.Request) { tell(w, memoryNow()) })
	mux.HandleFunc("GET /profile", pprof.Profile)
	mux.Handle("GET /allocs", pprof.Handler("allocs"))
	mux.Handle("GET /heap", pprof.Handler("heap"))
	control := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = control.Serve(l) }() // ends with the process
	return l.Addr().String(), nil
}

func tell(w http.ResponseWriter, u usage) {
	_ = json.NewEncoder(w).Encode(u) // who asked will see that the answer is cut
}

// memoryNow gives back first what is not in use. Where there is no /proc, the
// runtime's own figures stand for the system's.
func memoryNow() usage {
	runtime.GC() // a second one, inside FreeOSMemory, empties sync.Pools
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{
		Resident: int64(m.Sys - m.HeapReleased),     // #nosec G115 -- no process has exbibytes
		Peak:     int64(m.Sys),                      // #nosec G115 -- as above
		Inside:   int64(m.HeapInuse + m.StackInuse), // #nosec G115 -- as above
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return u
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch {
		case err != nil:
		case name == "VmRSS":
			u.Resident = kilobytes << 10
		case name == "VmHWM":
			u.Peak = kilobytes << 10
		}
	}
	return u
}
