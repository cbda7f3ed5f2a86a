//go:build unix

package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// played are files that only the programs read which play others. They are read here, so that go test does not take
// what it found before for true when they have changed.
var played = []string{"../go.mod", "../Dockerfile", "../compose.yaml", "../packaging/helm/gollamas/Chart.yaml", "../packaging/helm/gollamas/values.yaml"}

// TestEveryCommandInTheDocsRuns types what the pages tell a reader to type. What a fresh machine lacks is
// played by programs that check what can be checked without it (standin_test.go).
func TestEveryCommandInTheDocsRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some sixty programs")
	}
	for _, file := range played {
		_, _ = os.ReadFile(file) // one that is not there will be missed where it is played
	}
	for _, page := range pages(t) {
		t.Run(strings.TrimPrefix(page, "../"), func(t *testing.T) {
			t.Parallel()
			blocks := read(t, page)
			ran := 0
			var s *session
			for _, b := range blocks {
				if s == nil || s.section != b.section {
					s.end(t)
					s = newSession(t, b.section, blocks)
				}
				switch {
				case b.run():
					s.run(t, b)
					ran++
				case b.lang == "yaml":
					s.settings(t, b)
				}
			}
			s.end(t)
			if want := fences(t, page); ran != want {
				t.Errorf("%d blocks of commands were run, and the page has %d", ran, want)
			}
		})
	}
}

// fences counts the blocks of commands in another way than read does.
func fences(t *testing.T, page string) int {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return len(regexp.MustCompile("(?m)^[ \t]*(```|~~~)[ \t]*(sh|bash|shell|console)\\b").FindAll(data, -1))
}

func TestOutputIsComparedLineByLine(t *testing.T) {
	const output = "a  b\nnoise\nc 12ms d\n"
	for expect, want := range map[string]string{
		"a b\nc … d": "", "…\na b": "", "c … d\na b": "a b", "x": "x", "a": "a", "noise\n": "",
	} {
		if got := lacks(output, expect); got != want {
			t.Errorf("%q: lacks %q, want %q", expect, got, want)
		}
	}
}
