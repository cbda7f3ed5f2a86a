package route

import (
	"strings"
	"testing"

	"gollamas/internal/ollama"
)

func lookup(t *testing.T, table *Table, name string) (Match, bool) {
	t.Helper()
	n, err := ollama.ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	return table.Lookup(n)
}

func TestAliasesThenExactNamesThenTheLongerPattern(t *testing.T) {
	table, err := New([]Model{{Name: "*"}, {Name: "qwen*"}, {Name: "qwen*:8b"}, {Name: "qwen3:8b"}, {Name: "hf.co/me/*"}},
		[]Alias{{"gpt", "QWEN3:8b"}, {"any", "something"}, {"chain", "gpt"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][3]string{
		"qwen3:8b":          {"qwen3:8b", "qwen3:8b", ""},
		"library/QWEN3:8B":  {"qwen3:8b", "qwen3:8b", ""},
		"qwen2.5:8b":        {"qwen*:8b", "qwen2.5:8b", ""},
		"qwen2.5":           {"qwen*", "qwen2.5:latest", ""},
		"hf.co/Me/thing:Q4": {"hf.co/me/*", "hf.co/me/thing:q4", ""},
		"llama3.2":          {"*", "llama3.2:latest", ""},
		"gpt":               {"qwen3:8b", "qwen3:8b", "QWEN3:8b"},
		"Chain:latest":      {"qwen3:8b", "qwen3:8b", "QWEN3:8b"},
		"any":               {"*", "something:latest", "something"},
	} {
		m, ok := lookup(t, table, name)
		if !ok || m.Name != want[0] || !strings.HasSuffix(m.Key, want[1]) || m.Send != want[2] {
			t.Errorf("%s: %v %+v, want %q", name, ok, m, want)
		}
	}
}

func TestAPatternIsReadAsANameIs(t *testing.T) {
	table, err := New([]Model{{Name: "registry.ollama.ai/library/QWEN*"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := lookup(t, table, "qwen3"); !ok {
		t.Error("the default host and namespace in a pattern keep it from matching")
	}
	if _, err := New([]Model{{Name: "qwen *!"}}, nil); err == nil {
		t.Error("a pattern that can match nothing passed")
	}
}

func TestWithoutARouteThereIsNone(t *testing.T) {
	table, err := New([]Model{{Name: "qwen*"}, {Name: "llama3.2"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gemma3", "llama3.2:1b", "me/qwen3", "other.host/library/llama3.2"} {
		if m, ok := lookup(t, table, name); ok {
			t.Errorf("%s leads to %s", name, m.Name)
		}
	}
}
