//go:build unix

package docs

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"gollamas/internal/cli"
)

// standing is the variable that has this test's program play another.
const standing = "DOCS_STANDIN"

// players are the programs that the test's own plays: gollamas, which it has in it, so that what runs is what
// stands in the tree; and those that a fresh machine may lack.
var players = map[string]func([]string) error{
	"curl": curl, "ollama": ollama, "claude": claude, "go": goCommand, "docker": docker, "kubectl": kubectl, "helm": helm,
	"systemctl": words("systemctl", "enable --now start restart reload status edit daemon-reload gollamas"),
	"apt":       packages("apt", "install", ".deb"), "dnf": packages("dnf", "install", ".rpm"), "apk": packages("apk", "add --allow-untrusted", ".apk"),
	"brew": words("brew", "install services start --formula gollamas"), "journalctl": words("journalctl", "-u -f gollamas"),
	"sudo": nil, // it runs another, and is played by play
}

// borrowed are programs that every machine with a shell has.
var borrowed = []string{"env", "cat", "grep", "sed", "echo", "mkdir", "chmod", "head", "sleep", "awk", "tr", "cp", "mv", "rm", "wc", "sort"}

// programs are what a reader's shell finds.
var programs struct{ dir, repository string }

func TestMain(m *testing.M) {
	if name := os.Getenv(standing); name != "" {
		os.Exit(stand(name, os.Args[1:]))
	}
	flag.Parse()
	dir, err := os.MkdirTemp("", "docs")
	if err == nil {
		err = furnish(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// furnish puts the programs into a directory.
func furnish(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if programs.repository, err = filepath.Abs(".."); err != nil {
		return err
	}
	programs.dir = dir
	if err := certificate.make(); err != nil {
		return err
	}
	names := []string{"gollamas"}
	for name := range players {
		names = append(names, name)
	}
	for _, name := range names { // where -race is on, each would sleep for a second at its end
		script := fmt.Sprintf("#!/bin/sh\nGORACE=atexit_sleep_ms=0 %s=%s exec '%s' \"$@\"\n", standing, name, self)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			return err
		}
	}
	for _, name := range borrowed {
		at, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(at, filepath.Join(dir, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stand plays a program and returns its exit code.
func stand(name string, args []string) int {
	os.Unsetenv(standing)
	if name == "gollamas" {
		return gollamas(args)
	}
	if err := play(name, args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		var code exitCode
		if errors.As(err, &code) {
			return int(code)
		}
		return 1
	}
	return 0
}

// An exitCode is that of gollamas where another program was to run it.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func play(name string, args []string) error {
	if name == "sudo" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	run := players[name]
	if run == nil {
		return fmt.Errorf("the test does not know %s", name)
	}
	return run(args)
}

// gollamas is the program. The demo ends by itself, and takes no port of the machine's.
func gollamas(args []string) int {
	if len(args) > 0 && args[0] == "demo" {
		args = append(slices.Clone(args), "--exit", "--listen", "localhost:0")
	}
	return cli.Main(args)
}

// known fails on words and flags that a program is not known to have.
func known(args []string, list string) error {
	for _, a := range args {
		if !slices.Contains(strings.Fields(list), a) {
			return fmt.Errorf("%q is not one of: %s", a, list)
		}
	}
	return nil
}

func words(_, list string) func([]string) error {
	return func(args []string) error { return known(args, list) }
}

// packages plays what installs a package's file.
func packages(_, verbs, ending string) func([]string) error {
	return func(args []string) error {
		return known(slices.DeleteFunc(args, func(a string) bool {
			return strings.HasPrefix(filepath.Base(a), "gollamas") && strings.HasSuffix(a, ending)
		}), verbs)
	}
}

// goCommand knows this module and what is done with it.
func goCommand(args []string) error {
	if len(args) > 2 && args[0] == "run" && args[1] == "." {
		if code := gollamas(args[2:]); code != 0 {
			return exitCode(code)
		}
		return nil
	}
	if len(args) == 0 || !slices.Contains([]string{"install", "build", "test"}, args[0]) {
		return fmt.Errorf("go %v is not known", args)
	}
	for _, a := range args[1:] {
		dir, all := strings.CutSuffix(a, "/...")
		if all {
			dir = cmp.Or(dir, ".")
		}
		if strings.HasPrefix(a, "-") || a != "." && !strings.HasPrefix(a, "./") {
			return fmt.Errorf("go %s %s: only packages of this module are known", args[0], a)
		}
		if _, err := os.Stat(inRepository(dir)); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(inRepository("go.mod"))
	if err == nil && !strings.HasPrefix(string(data), "module gollamas\n") {
		err = errors.New("go.mod is not ours")
	}
	return err
}

// inRepository finds a file that a reader has in the directory, or that comes with the repository.
func inRepository(name string) string {
	if _, err := os.Stat(name); err == nil && name != "." {
		return name
	}
	return filepath.Join(os.Getenv("DOCS_REPOSITORY"), name)
}

// flags takes a command's flags away that are known; value says whether each has a value.
func flags(args []string, value map[string]bool) (words []string, said map[string][]string, err error) {
	said = map[string][]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if !strings.HasPrefix(a, "-") || a == "-" {
			words = append(words, a)
			continue
		}
		name, text, joined := strings.Cut(a, "=")
		takes, ok := value[name]
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("flag %s is not known", a)
		case takes && !joined:
			if i++; i >= len(args) {
				return nil, nil, fmt.Errorf("flag %s wants a value", a)
			}
			text = args[i]
		}
		said[name] = append(said[name], text)
	}
	return words, said, nil
}

// asked makes a request and wants it answered well.
func asked(method, url, body string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := http.DefaultClient.Do(req)
	if err == nil && res.StatusCode >= 400 {
		res.Body.Close()
		err = fmt.Errorf("%s %s: %s", method, url, res.Status)
	}
	return res, err
}

func checkYAML(path string) error {
	_, err := document(path)
	return err
}

// document reads a file of YAML.
func document(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return doc, nil
}

// checkSettings runs gollamas check.
func checkSettings(args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"check"}, args...)...)
	cmd.Env = append(os.Environ(), standing+"=gollamas")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gollamas check %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}
