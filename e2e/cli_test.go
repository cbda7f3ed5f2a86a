package e2e

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

// A cli is the real command line, told that gollamas is its server.
type cli struct {
	binary string
	env    []string
}

func newCLI(t *testing.T, url string) cli {
	t.Helper()
	return cli{binary(t), ollamaEnv(t, strings.TrimPrefix(url, "http://"))}
}

// escapes are what the command line draws with.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\r`)

// run runs one command to its end and returns what it printed.
func (c cli) run(t *testing.T, args ...string) (text string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary, args...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return escapes.ReplaceAllString(string(out), ""), err == nil
}

// prints runs a command that must succeed and print a pattern.
func (c cli) prints(t *testing.T, pattern string, args ...string) {
	t.Helper()
	text, ok := c.run(t, args...)
	if !ok || !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("ollama %s (ok %t) printed no %q:\n%s", strings.Join(args, " "), ok, pattern, text)
	}
}

// fails runs a command that must fail and print a text.
func (c cli) fails(t *testing.T, part string, args ...string) {
	t.Helper()
	if text, ok := c.run(t, args...); ok || !strings.Contains(text, part) {
		t.Errorf("ollama %s (ok %t) printed no %q:\n%s", strings.Join(args, " "), ok, part, text)
	}
}

func TestTheCommandLineWorksAsWithOneServer(t *testing.T) {
	binary(t) // without one, neither kind of server can be asked with it
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := newCLI(t, f.url)
		c.prints(t, `ollama version is \d+\.\d+\.\d+`, "--version")
		c.prints(t, `(?m)^NAME +ID +SIZE +MODIFIED *\n(tiny-\w+:latest +[0-9a-f]{12} +\d+ KB .*\n){5}$`, "list")
		c.prints(t, `(?s)architecture +llama.*context length +32768.*Capabilities\s+completion`, "show", "tiny-chain")
		c.prints(t, strings.TrimSpace(chainText), "run", "tiny-chain", "hello")
		c.prints(t, strings.TrimSpace(chainText), "run", alias, "hello")
		soon(t, "ps shows the model", func() bool {
			text, _ := c.run(t, "ps")
			return regexp.MustCompile(`(?m)^tiny-chain:latest +[0-9a-f]{12} +\d+ KB +100% CPU +4096 +`).MatchString(text)
		})
		c.prints(t, ``, "stop", "tiny-chain")
		soon(t, "ps shows it no more", func() bool {
			text, ok := c.run(t, "ps")
			return ok && !strings.Contains(text, "tiny-chain")
		})
	})
}

func TestTheCommandLineEmbeds(t *testing.T) {
	binary(t)
	onEachFleet(t, func(t *testing.T, f *fleet) {
		newCLI(t, f.url).prints(t, `^\[-?\d\.\d+,.*\]\n$`, "run", "tiny-embed", "hello")
	})
}

func TestTheCommandLineIsToldWhatIsRefused(t *testing.T) {
	binary(t)
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := newCLI(t, f.url)
		const route, manage = `gollamas pulls only models it has a route for, and "` + unknown + `" has none`, "this gollamas does not let its clients do: start it with --manage"
		c.fails(t, route, "run", unknown, "hello")
		c.fails(t, route, "pull", unknown)
		c.fails(t, f.says(t), "show", unknown)
		c.fails(t, manage, "cp", "tiny-chain", "mine")
		c.fails(t, manage, "rm", "tiny-chain")
		c.fails(t, manage, "create", "mine", "-f", "testdata/models/Modelfile.chain")
		c.fails(t, "start gollamas with --manage", "push", "tiny-chain")           // it asks whose account it is first
		generated(t, f, api.GenerateRequest{Model: "tiny-chain", Prompt: "hello"}) // it is still there
	})
}
