//go:build unix

package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A block is what stands between two fences of a page.
type block struct {
	page, section string
	line          int
	lang          string // sh, console, yaml, json or text
	file          string // what the text calls it: it stands behind the language
	text          string
	expect        string // what the page shows as the output
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// run says whether the block is commands.
func (b block) run() bool { return b.lang == "sh" || b.lang == "console" }

// packaging is for who makes a release: what it shows indented needs that release, and packaging/check tries it.
const packaging = "../packaging/README.md"

// pages are the texts of the repository whose commands a reader is to type. CONTRIBUTING.md has none but go test.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("*.md")
	if err != nil || len(all) == 0 {
		t.Fatal("no pages", err)
	}
	all = append([]string{"../README.md"}, all...)
	if _, err := os.Stat(packaging); err == nil {
		all = append(all, packaging)
	}
	return all
}

var languages = []string{"sh", "console", "yaml", "json", "text"}

// typed is a line of an indented block that looks like a command: those would not be run.
var typed = regexp.MustCompile(`^(    |\t)\$? ?(gollamas|\./gollamas|curl|ollama|docker|helm|kubectl|systemctl|go) `)

// read takes a page apart.
func read(t *testing.T, page string) []block {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []block
	var b *block
	section := ""
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case b != nil && line == "```":
			out, b = shown(out, *b), nil
		case b != nil:
			b.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			lang, file, _ := strings.Cut(line[3:], " ")
			if !slices.Contains(languages, lang) {
				t.Errorf("%s:%d: a block is one of %v, not %q", page, i+1, languages, lang)
			}
			b = &block{page: page, section: section, line: i + 1, lang: lang, file: file}
		case strings.HasPrefix(line, "#"):
			section = strings.TrimLeft(line, "# ")
		case typed.MatchString(line) && page != packaging:
			t.Errorf("%s:%d: a command in an indented block is not run: put it into a ```sh block", page, i+1)
		}
	}
	if b != nil {
		t.Errorf("%s: a block does not end", *b)
	}
	return out
}

// shown adds a block; text behind commands is their output.
func shown(all []block, b block) []block {
	if n := len(all); b.lang == "text" && n > 0 && all[n-1].run() && all[n-1].section == b.section {
		all[n-1].expect += b.text
		return all
	}
	if b.lang == "console" {
		var commands, output strings.Builder
		for line := range strings.Lines(b.text) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				commands.WriteString(command)
			} else {
				output.WriteString(line)
			}
		}
		b.text, b.expect = commands.String(), output.String()
	}
	return append(all, b)
}

// lacks is the first line of what a page shows that the output has not, in this order. "…" stands for anything.
func lacks(output, expect string) string {
	rest := strings.Split(output, "\n")
	for want := range strings.Lines(expect) {
		want = strings.Join(strings.Fields(want), " ")
		if want == "" || want == "…" {
			continue
		}
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*") + "$")
		at := slices.IndexFunc(rest, func(line string) bool {
			return pattern.MatchString(strings.Join(strings.Fields(line), " "))
		})
		if at < 0 {
			return want
		}
		rest = rest[at+1:]
	}
	return ""
}
