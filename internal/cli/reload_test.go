package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A spoken is what a program that runs has said so far.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// await waits until a part has been said.
func (s *spoken) await(t *testing.T, part string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		text := s.b.String()
		s.mu.Unlock()
		if strings.Contains(text, part) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never said %q:\n%s", part, text)
		}
	}
}

func TestASignalHasTheSettingsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gollamas.yaml")
	text := "listen: 127.0.0.1:0\nadmin: off\nconnections: {a: 'http://127.0.0.1:1', b: 'http://127.0.0.1:2'}\nmodels: {m: a}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said spoken
	stop, again, over := make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan int, 1)
	getenv := func(string) string { return "" }
	go func() {
		over <- terminal{out: &said, err: &said, getenv: getenv, stop: stop, hangUp: &hangUp{signals: again}}.run([]string{"--config", path, "--alias", "x=m"})
	}()
	said.await(t, `"msg":"listening"`)
	again <- syscall.SIGHUP // with nothing changed, so that no change of a file can be what does it
	said.await(t, `"msg":"settings read again","connections":2,"routes":1`)
	if err := os.WriteFile(path, []byte(text+"model: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said.await(t, `"reasons":["model: there is no such setting`)
	if err := os.WriteFile(path, []byte(strings.Replace(text, "b:", "c:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	said.await(t, `"added":["c"],"removed":["b"]`)
	stop <- syscall.SIGTERM
	if code := <-over; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
