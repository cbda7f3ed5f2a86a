//go:build unix

package proxy

import (
	"net"
	"syscall"
)

// quiet says that nothing has arrived on an idle connection: no close, and no
// bytes nobody asked for. It looks without taking anything and without waiting.
func quiet(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	silent := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		silent = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && silent
}
