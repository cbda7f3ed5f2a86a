//go:build unix

package e2e

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// ownGroup puts a command into a process group of its own, with what it starts.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(c *exec.Cmd) {
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // a group that is gone is gone
}

// childrenOf are the processes that pid has started.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Skipf("which runner to kill cannot be known: ps: %v", err)
	}
	var children []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(fields[0])
			children = append(children, child)
		}
	}
	return children
}
