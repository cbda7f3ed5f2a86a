//go:build unix

package docs

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gollamas/internal/config"
)

// update writes what is made from the code: go test ./docs -update.
var update = flag.Bool("update", false, "write the pages that are made from the code")

const example = "../gollamas.example.yaml"

// TestTheSettingsPageIsMadeFromTheCode keeps docs/settings.md what the tables in internal/config and the example file say.
func TestTheSettingsPageIsMadeFromTheCode(t *testing.T) {
	same(t, "settings.md", settingsPage(t))
}

// TestBadRequestsInSecurityAreTheOnesOfTheTest keeps the table that the tests of bad requests write in the page on security.
func TestBadRequestsInSecurityAreTheOnesOfTheTest(t *testing.T) {
	const begin, end = "<!-- bad requests: begin -->\n", "<!-- bad requests: end -->\n"
	table, err := os.ReadFile("../internal/app/testdata/bad-requests.md")
	if os.IsNotExist(err) {
		t.Skip("there is no table yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatal("security.md has no place for the table")
	}
	same(t, "security.md", before+begin+"\n"+strings.TrimSpace(string(table))+"\n\n"+end+after)
}

// same wants a page to be what was made, or writes it.
func same(t *testing.T, page, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the code says (%v): go test ./docs -update writes it", page, err)
	}
}

const settingsHead = `# Settings

<!-- Made from internal/config and gollamas.example.yaml by: go test ./docs -update -->

Settings come from flags, from variables of the environment and from a YAML file, which ` + "`--config FILE`" + ` (` + "`GOLLAMAS_CONFIG`" + `) names.
A flag wins over a variable, and that over the file. Models, aliases and connections of flags and variables add up, and replace what the
file says under the same name. ` + "`${NAME}`" + ` in the file is taken from the environment; a variable that is missing is an error.

` + "`gollamas check`" + ` with the same flags says what would be served, or everything that is wrong, and exits with 1 then. It opens the files
that are named and asks no server.

`

// settingsPage is the whole page.
func settingsPage(t *testing.T) string {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	told := tell(string(data))
	var b strings.Builder
	b.WriteString(settingsHead)
	b.WriteString("## Plain values\n\nEach is a flag, a variable and a key of the file. A duration is written `30s`, `5m` or `1h30m`; a plain number is seconds.\n\n| setting | flag | variable | default | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range config.Settings {
		meaning := told.meaning(t, s.Key)
		if slices.Contains(optional, s.Key) {
			meaning = s.Help
		}
		row(&b, code(s.Key), flagsOf(s), codes(s.Env), code(told.value(t, s.Key)), meaning)
	}
	b.WriteString("\n## What may be said several times\n\nA flag is given once for each; its plural and the variable take a list, with commas. In the file these are mappings (below). SCOPE is `MODEL`, `@CONNECTION` or `MODEL@CONNECTION`; none is everywhere. The most specific that says anything decides.\nMODEL may have a `*` in it: an exact name wins over a pattern, and a longer pattern over a shorter one.\n\n| flag | as a list | variable | meaning |\n| --- | --- | --- | --- |\n")
	help := ""
	for _, l := range config.Lists {
		if l.Help != "" {
			help, _, _ = strings.Cut(l.Help, "; --enforce")
		} else {
			help = strings.Replace(help, "where a request says none", "whatever a request says", 1)
		}
		plural := ""
		if l.Plural != "" {
			plural = "--" + l.Plural
		}
		row(&b, code("--"+l.Flag+" "+l.Value), code(plural), codes(l.Env), help)
	}
	b.WriteString("\n`OLLAMA_ORIGINS` names the web pages that may ask, as for Ollama: a variable only.\n")
	b.WriteString("\n## In the file only\n\n| setting | default | meaning |\n| --- | --- | --- |\n")
	for _, key := range config.Nested() {
		row(&b, code(key), code(told.value(t, key)), told.meaning(t, key))
	}
	b.WriteString("\n## Keys\n\n`keys` is a list of them, and so is the file that `keys_file` names. [Security](security.md#keys) tells of each.\n\n| member | for example | meaning |\n| --- | --- | --- |\n")
	for _, key := range config.KeyMembers() {
		row(&b, code(key), code(told.value(t, "keys."+key)), told.meaning(t, "keys."+key))
	}
	fmt.Fprintf(&b, "\n## Everything\n\nThis is [gollamas.example.yaml](../gollamas.example.yaml), with connections, models and routes at length.\n\n```yaml\n%s```\n", data)
	return b.String()
}

func row(b *strings.Builder, cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func codes(all []string) string {
	var out []string
	for _, s := range all {
		out = append(out, code(s))
	}
	return strings.Join(out, ", ")
}

func flagsOf(s config.Setting) string {
	out := []string{strings.TrimSpace("--" + s.Flag() + " " + s.Value)}
	for _, f := range s.Flags {
		if len(f) == 1 {
			out = append(out, "-"+f)
		} else {
			out = append(out, "--"+f)
		}
	}
	return codes(out)
}

// A teller is what the example file says of each setting: its value, and the words above or behind it.
type teller map[string][2]string

var (
	setLine  = regexp.MustCompile(`^(# )?( *)(?:- )?([a-z_]+):(?: +([^#]*?))?(?: +# (.*))?$`)
	textLine = regexp.MustCompile(`^# (.*)$`)
)

// tell reads the example. Words that stand above a key are of it, and of those below it in the same paragraph.
func tell(text string) teller {
	out := teller{}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		var words []string
		top, above := "", ""
		for line := range strings.Lines(paragraph) {
			line = strings.TrimSuffix(line, "\n")
			m := setLine.FindStringSubmatch(line)
			if m != nil && m[2] == "" && (m[1] == "" || slices.Contains(tops(), m[3])) {
				top, above = m[3], strings.Join(words, " ")
				out[top] = [2]string{m[4], above}
				continue
			}
			if m == nil || top == "" {
				if w := textLine.FindStringSubmatch(line); w != nil && top == "" {
					words = append(words, w[1])
				}
				continue
			}
			meaning := m[5]
			if meaning == "" {
				meaning = above
			}
			if key := top + "." + m[3]; out[key] == [2]string{} {
				out[key] = [2]string{m[4], meaning}
			}
		}
	}
	return out
}

// tops are the keys that stand commented out at the top of the example.
func tops() []string {
	out := []string{"keep_alive", "num_ctx", "keys", "tls"}
	for _, s := range config.Settings {
		out = append(out, s.Key)
	}
	return out
}

// optional are settings that the example has commented out: their default is none.
var optional = []string{"keys_file", "shared", "tls.cert", "tls.key"}

func (o teller) value(t *testing.T, key string) string {
	t.Helper()
	if slices.Contains(optional, key) {
		return ""
	}
	v, ok := o[key]
	if !ok {
		t.Errorf("the example does not show %s", key)
	}
	return v[0]
}

func (o teller) meaning(t *testing.T, key string) string {
	t.Helper()
	if o[key][1] == "" {
		t.Errorf("the example does not say what %s means", key)
	}
	return o[key][1]
}
