//go:build !unix

package e2e

import (
	"os/exec"
	"testing"
)

func ownGroup(*exec.Cmd) {}

func killGroup(c *exec.Cmd) { _ = c.Process.Kill() }

func childrenOf(t *testing.T, _ int) []int {
	t.Skip("which runner to kill is only known on unix")
	return nil
}
