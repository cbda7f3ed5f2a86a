package cli

import (
	"bufio"
	"cmp"
	"strings"
	"testing"

	"gollamas/internal/config"
)

// lacking are the flags that a text must name and does not; all is whether rare ones count.
func lacking(text string, all bool) (out []string) {
	must := func(rare bool, names ...string) {
		for _, n := range names {
			if (all || !rare) && !strings.Contains(text, dashed(n)) {
				out = append(out, dashed(n))
			}
		}
	}
	for _, s := range config.Settings {
		must(s.Rare, append([]string{s.Flag()}, s.Flags...)...)
	}
	for _, l := range config.Lists {
		must(l.Rare, l.Flag, cmp.Or(l.Plural, l.Flag))
	}
	return out
}

func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, wrong strings.Builder
	if code := (terminal{out: &out, err: &wrong}).run(args); code != 0 {
		t.Fatalf("%v: exit code %d, %s", args, code, wrong.String())
	}
	return out.String()
}

// screen is how many lines a text has, and how many characters the longest has.
func screen(text string) (lines, width int) {
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); lines++ {
		width = max(width, len([]rune(in.Text())))
	}
	return lines, width
}

func TestHelpFitsAScreenAndNamesWhatMostPeopleNeed(t *testing.T) {
	text := printed(t, "--help")
	if missing := lacking(text, false); missing != nil {
		t.Errorf("the help lacks %v", missing)
	}
	if lines, width := screen(text); lines > 40 || width > 100 {
		t.Errorf("the help has %d lines, the longest of %d: a screen has 40 of 100", lines, width)
	}
}

func TestHelpAllManAndCompletionsNameEverySettingAndCommand(t *testing.T) {
	texts := map[string]string{"help all": printed(t, "help", "all"), "man": strings.ReplaceAll(printed(t, "man"), `\-`, "-")}
	for _, shell := range []string{"bash", "powershell"} {
		texts[shell] = printed(t, "completion", shell)
	}
	for where, text := range texts {
		if missing := lacking(text, true); missing != nil {
			t.Errorf("%s lacks %v", where, missing)
		}
		for _, c := range commands() {
			if !strings.Contains(text, c.name) {
				t.Errorf("%s lacks the command %s", where, c.name)
			}
		}
	}
	if _, width := screen(texts["help all"]); width > 100 {
		t.Errorf("help all has a line of %d: a screen has 100", width)
	}
}

func TestEveryVariableIsNamedLikeItsFlag(t *testing.T) {
	rule := func(flag string) string { return "GOLLAMAS_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }
	for _, s := range config.Settings {
		if s.Env[0] != rule(s.Flag()) {
			t.Errorf("the help says that --%s is %s, and it is %s", s.Flag(), rule(s.Flag()), s.Env[0])
		}
	}
	for _, l := range config.Lists {
		name := cmp.Or(l.Plural, l.Flag)
		if l.Env[0] != rule(name) && l.Flag != "api-key" { // its variable holds several
			t.Errorf("the help says that --%s is %s, and it is %s", name, rule(name), l.Env[0])
		}
	}
}

func TestEveryCommandTakesTheFlagsThatItsHelpNames(t *testing.T) {
	for _, c := range commands() {
		for _, o := range c.options() {
			for _, name := range o.names {
				args := []string{c.name, dashed(name) + "=x", "--there-is-no-such-flag"}
				if o.value == "" {
					args[1] = dashed(name)
				}
				var wrong strings.Builder
				code := terminal{out: &wrong, err: &wrong, getenv: func(string) string { return "" }}.run(args)
				if code != 2 || !strings.Contains(wrong.String(), "there is no flag --there-is-no-such-flag") {
					t.Errorf("%v: %d %s", args, code, wrong.String())
				}
			}
		}
	}
}
