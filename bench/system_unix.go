//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is the user and system time of this process.
func cpuTime() (time.Duration, bool) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}

// openFiles is how many files this process may have open. Package os has
// raised the soft limit to the hard one already, here and in every role.
func openFiles() uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 256
	}
	return uint64(l.Cur)
}
