package internal

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the architecture: a package imports only packages on lines above
// its own. ollamatest stands apart: it imports nothing of ours, and only tests,
// the demo and the benchmark import it.
var layers = [][]string{
	{"ollama"},
	{"fleet", "rewrite"},
	{"balance", "keys", "proxy", "jobs"},
	{"route", "shared", "telemetry"},
	{"gateway", "admin"},
	{"config"},
	{"app"},
	{"cli"},
}

// most is how many packages of ours one may import; config and app compose, so they may import more.
const most = 4

var composers = []string{"config", "app", "cli"}

// exceptions are imports beyond most, each with its reason.
var exceptions = map[string]int{
	"gateway": 8, // it is where deciding and carrying meet
}

func TestPackagesImportOnlyWhatStandsAboveThem(t *testing.T) {
	level := map[string]int{}
	for i, names := range layers {
		for _, n := range names {
			level[n] = i
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		name := e.Name()
		ours := imports(t, name)
		if name == "ollamatest" {
			if len(ours) > 0 {
				t.Errorf("ollamatest imports %v: the pretend Ollama must not share our mistakes", ours)
			}
			continue
		}
		seen++
		at, known := level[name]
		if !known {
			t.Errorf("package %s has no line in the import list", name)
			continue
		}
		for _, i := range ours {
			if i == "ollamatest" && name == "cli" {
				continue // gollamas demo
			}
			if to, known := level[i]; !known || to >= at {
				t.Errorf("%s imports %s, which does not stand above it", name, i)
			}
		}
		if limit := max(most, exceptions[name]); len(ours) > limit && !slices.Contains(composers, name) {
			t.Errorf("%s imports %d packages of ours, more than %d: %v", name, len(ours), limit, ours)
		}
	}
	if seen != len(level) {
		t.Errorf("%d packages in the import list, %d in the tree", len(level), seen)
	}
}

// imports lists the packages of ours that the code of a package imports, its tests left out.
func imports(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if ours, ok := strings.CutPrefix(path, "gollamas/internal/"); ok && !slices.Contains(out, ours) {
				out = append(out, ours)
			}
		}
	}
	return out
}

func TestOnlyMainStandsAtTheRoot(t *testing.T) {
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) != 1 || filepath.Base(files[0]) != "main.go" {
		t.Errorf("Go files at the root: %v (%v), want main.go alone, so that go run . and go run ./*.go both work", files, err)
	}
}
