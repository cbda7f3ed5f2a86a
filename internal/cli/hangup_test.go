package cli

import (
	"context"
	"os"
	"syscall"
	"testing"
)

// TestAHangUpReadsTheSettingsAgainButEndsWhatAClosedTerminalHasStarted: these tests have no terminal, which is what a closed one looks like.
func TestAHangUpReadsTheSettingsAgainButEndsWhatAClosedTerminalHasStarted(t *testing.T) {
	for _, c := range []struct {
		terminal      bool
		read, stopped int
	}{{false, 1, 0}, {true, 0, 1}} {
		if c.terminal && onTerminal() {
			t.Skip("somebody watches this test on a terminal")
		}
		h := &hangUp{signals: make(chan os.Signal, 1), terminal: c.terminal}
		ctx, cancel := context.WithCancel(t.Context())
		read, stopped := 0, 0
		h.signals <- syscall.SIGHUP
		h.heed(ctx, func(context.Context) error { read++; cancel(); return nil }, func() { stopped++; cancel() })
		if read != c.read || stopped != c.stopped {
			t.Errorf("on a terminal %v: read %d times, stopped %d times", c.terminal, read, stopped)
		}
	}
}
