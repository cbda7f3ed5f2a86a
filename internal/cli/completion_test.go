package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shell runs a script, with the completion for that shell in the file $SCRIPT, and returns what it prints.
func shell(t *testing.T, name, script string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	file := filepath.Join(t.TempDir(), "_gollamas")
	if err := os.WriteFile(file, []byte(printed(t, "completion", name)), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, path, append(args, "-c", script)...)
	c.Env = append(os.Environ(), "SCRIPT="+file)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(out))
}

// completed are typed lines, word by word, and what must and what must not be offered.
var completed = []struct {
	typed    []string
	yes, not []string
}{
	{[]string{""}, []string{"serve", "check", "health", "completion", "man"}, []string{"--proxy"}},
	{[]string{"ch"}, []string{"check"}, []string{"serve"}},
	{[]string{"--pro"}, []string{"--proxy", "--proxies"}, []string{"--listen"}},
	{[]string{"--level", ""}, []string{"debug", "trace"}, []string{"serve", "--level"}},
	{[]string{"--balance", "=", "lea"}, []string{"least-busy"}, []string{"loaded-first"}},
	{[]string{"sync", "--d"}, []string{"--dry-run", "--drain"}, []string{"--prune"}},
	{[]string{"version", "--"}, []string{"--full"}, []string{"--proxy"}},
	{[]string{"completion", ""}, []string{"bash", "zsh"}, []string{"--proxy"}},
	{[]string{"key", ""}, []string{"new"}, nil},
}

func offers(t *testing.T, typed, got, yes, not []string) {
	t.Helper()
	for _, w := range yes {
		if !slices.Contains(got, w) {
			t.Errorf("gollamas %q lacks %s: %q", typed, w, got)
		}
	}
	for _, w := range not {
		if slices.Contains(got, w) {
			t.Errorf("gollamas %q has %s: %q", typed, w, got)
		}
	}
}

func TestBashCompletes(t *testing.T) {
	for _, c := range completed {
		words := "gollamas"
		for _, w := range c.typed {
			words += " '" + w + "'"
		}
		script := `set -u; source "$SCRIPT"; COMP_WORDS=(` + words + `); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _gollamas; printf '%s\n' "${COMPREPLY[@]}"`
		offers(t, c.typed, shell(t, "bash", script, "--norc"), c.yes, c.not)
	}
}

func TestFishCompletes(t *testing.T) {
	for _, c := range completed {
		line := strings.ReplaceAll("gollamas "+strings.Join(c.typed, " "), " = ", "=")
		got := shell(t, "fish", `source $SCRIPT; complete -C '`+line+`' | string split -f1 \t; true`, "--no-config")
		for i, w := range got { // fish completes --balance=lea as a whole
			_, after, found := strings.Cut(w, "=")
			if found {
				got[i] = after
			}
		}
		offers(t, c.typed, got, c.yes, slices.DeleteFunc(slices.Clone(c.not), func(w string) bool { return strings.HasPrefix(w, "--") }))
	}
}

func TestZshReadsItsCompletion(t *testing.T) {
	got := shell(t, "zsh", `zsh -n $SCRIPT && autoload -U compinit && compinit -D -u && source $SCRIPT && print ${_comps[gollamas]}`, "-f")
	if !slices.Contains(got, "_gollamas") {
		t.Errorf("nothing completes gollamas: %q", got)
	}
}

// zshTab has a zsh in a terminal of its own complete $TYPED, and prints the line that comes of it.
const zshTab = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; PS2=; autoload -U compinit; compinit -D -u; source $SCRIPT; bindkey '^I' complete-word
zle -N show; show() { print -rl -- \"GOT:\$BUFFER\" END; BUFFER=; zle accept-line }; bindkey '^X' show; print rea''dy"
zpty -r z out '*ready*'
zpty -n -w z "$TYPED"$'\t\C-x'
zpty -r z out '*GOT:*END*'
print -r -- ${${out#*GOT:}%%END*}
zpty -d z`

func TestZshCompletes(t *testing.T) {
	for typed, want := range map[string]string{
		"gollamas che": "check", "gollamas --allow-r": "--allow-running", "gollamas --balance=lea": "--balance=least-busy",
		"gollamas version --f": "--full", "gollamas --level deb": "debug", "gollamas completion fi": "fish",
	} {
		t.Setenv("TYPED", typed)
		if got := shell(t, "zsh", zshTab, "-f"); !slices.Contains(got, want) {
			t.Errorf("%q became %q, want %s", typed, got, want)
		}
	}
}
