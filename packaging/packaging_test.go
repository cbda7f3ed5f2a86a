// Package packaging holds what gollamas is packed with to what gollamas is. It needs nothing but Go; what
// needs helm, goreleaser or systemd is in the script check.
package packaging

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"gollamas/internal/config"
)

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t *testing.T, path string, to any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gollamas")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gollamas")
	c := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".")
	c.Dir = ".."
	c.Stderr = os.Stderr
	return path, c.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// gollamas runs the program with these variables and no others, and returns what it prints.
func gollamas(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), path, args...)
	c.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// variables are all that gollamas reads.
func variables() []string {
	out := []string{config.FileEnv, "OLLAMA_ORIGINS"}
	for _, s := range config.Settings {
		out = append(out, s.Env...)
	}
	for _, l := range config.Lists {
		out = append(out, l.Env...)
	}
	return out
}

func known(t *testing.T, where, variable string) {
	t.Helper()
	if !slices.Contains(variables(), variable) {
		t.Errorf("%s sets %s, which gollamas does not read", where, variable)
	}
}

// accepts says whether a command that takes settings takes these flags.
func accepts(t *testing.T, where string, args []string) {
	t.Helper()
	fs := flag.NewFlagSet(where, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	config.Flags(fs)
	if err := fs.Parse(args); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

func TestThePackagesOwnSettingsAreRight(t *testing.T) {
	if out, err := gollamas(t, nil, "check", "--config", "gollamas.yaml"); err != nil {
		t.Errorf("%v %s", err, out)
	}
}

func TestNoFileNamesARegistry(t *testing.T) {
	files := []string{"Dockerfile", "compose.yaml", ".goreleaser.yaml", "packaging/Dockerfile.release", "packaging/helm/gollamas/values.yaml", "packaging/homebrew/gollamas.rb.tmpl"}
	for _, f := range files {
		text := read(t, f)
		for _, host := range []string{"ghcr.io", "docker.io", "quay.io", "github.com", "gitlab.com"} {
			if strings.Contains(text, host) {
				t.Errorf("%s names %s", f, host)
			}
		}
	}
}

func TestEveryScriptIsWellFormed(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no bash here")
	}
	for _, name := range []string{"check", "prepare", "materials", "formula", "postinstall"} {
		if out, err := exec.Command(bash, "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", name, err, out)
		}
		if i, err := os.Stat(name); err != nil || i.Mode()&0o111 == 0 {
			t.Errorf("%s cannot be run: %v", name, err)
		}
	}
}
