//go:build unix

package app

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Whatever stands where the settings stood, gollamas ends when it is told to.
func TestASettingsFileThatIsAPipeDoesNotKeepRunFromEnding(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	path := file(t, "connections: {s: '"+s.URL()+"'}\n")
	r := reloading(t, "--config", path)
	pipe := filepath.Join(filepath.Dir(path), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	move(t, pipe, path)
	go func() { _ = r.Reload(t.Context()) }()
	time.Sleep(500 * time.Millisecond)
	r.stop()
	r.now()
	select {
	case err := <-r.done:
		r.done <- err
	case <-time.After(5 * time.Second):
		t.Error("Run has not ended")
		if f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = f.Close() // lets it go
		}
	}
}
