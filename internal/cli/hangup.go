package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// A hangUp is SIGHUP. It asks for the settings to be read again; from a terminal that was closed it means that nobody is
// there any more.
type hangUp struct {
	signals  chan os.Signal
	terminal bool // it was started on one
}

// listen takes SIGHUP, which would end the program: only what serves has use for it. Windows does not send it.
func (h *hangUp) listen() {
	h.terminal = onTerminal()
	signal.Notify(h.signals, syscall.SIGHUP)
}

// heed does what it asks for, until ctx ends.
func (h *hangUp) heed(ctx context.Context, reload func(context.Context) error, stop func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.signals:
			if h.terminal && !onTerminal() {
				stop()
				return
			}
			_ = reload(ctx) // the log says what came of it
		}
	}
}

// onTerminal says whether somebody sees what is printed. A terminal that was closed is none.
func onTerminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }
