package ollama

import (
	"slices"
	"testing"
)

func pattern(t *testing.T, s string) Pattern {
	t.Helper()
	p, err := ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "x", true}, {"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*b", "ab", true}, {"a*b", "a", false}, {"a*b*c", "axbxc", true}, {"a*b*c", "axc", false}, {"ab*ba", "aba", false},
		{"**", "x", true}, {"a**b", "ab", true}, {"*:7b", "x:7b", true}, {"*:7b", "x:70b", false}, {"a", "a", true}, {"a", "ab", false},
	} {
		if got := newPattern(c.pattern).matches([]byte(c.name)); got != c.want {
			t.Errorf("%s and %s: %v", c.pattern, c.name, got)
		}
	}
}

func TestAPatternMatchesANameInEverySpellingOfIt(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"qwen*", "QWEN3", true}, {"QWEN*", "registry.ollama.ai/library/qwen3:8b", true}, {"https://registry.ollama.ai/library/qwen*", "qwen3", true},
		{"*n", "qwen", true}, {"*:latest", "qwen", true}, {"*n", "qwen:8b", false}, {"qwen*", "me/qwen", false},
		{"hf.co/me/*", "HF.co/Me/thing:Q4", true}, {"library/*", "qwen", true}, {"me/*", "hf.co/me/x", false},
	} {
		n, err := ParseName(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := pattern(t, c.pattern).Matches(n.Fold(nil)); got != c.want {
			t.Errorf("%s and %s: %v", c.pattern, c.name, got)
		}
	}
}

func TestPatternsThatAreOne(t *testing.T) {
	if !SamePattern("QWEN*", "library/qwen*") || SamePattern("qwen*", "qwen3*") {
		t.Error("SamePattern")
	}
	if pattern(t, "Library/Qwen*").String() != "qwen*" {
		t.Error("String")
	}
	if _, err := ParsePattern("qwen *!"); err == nil || err.Error() != `"qwen *!" matches no model: " " stands in no name` {
		t.Error(err)
	}
	order := []Pattern{pattern(t, "*"), pattern(t, "registry.ollama.ai/library/q*"), pattern(t, "qwen*")}
	slices.SortStableFunc(order, Pattern.Longer)
	if order[0].String() != "qwen*" || order[2].String() != "*" {
		t.Error(order)
	}
}

func TestPatternsMeetWhereANameMatchesBoth(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"*", "*", true}, {"*", "x", true}, {"a*", "*b", true}, {"a*", "b*", false}, {"a*c", "ab*", true}, {"a*c", "*b", false},
		{"qwen*", "qwen3:8b", true}, {"qwen*:8b", "*3:*", true}, {"*a*", "*b*", true}, {"a", "a", true}, {"a", "b", false}, {"", "*", true},
		{"*:latest", "qwen3", true}, {"qwen*n", "*:latest", true}, {"*:8b", "*:7b", false}, {"ab*ba", "aba", false},
	} {
		if got := newPattern(c.a).Meets(newPattern(c.b)); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
		if got := newPattern(c.b).Meets(newPattern(c.a)); got != c.want {
			t.Errorf("%s and %s: %v", c.b, c.a, got)
		}
	}
}

func TestFoldedIsOneForAModel(t *testing.T) {
	for name, want := range map[string]string{
		"Qwen3": "qwen3:latest", "library/QWEN3:8B": "qwen3:8b", "registry.ollama.ai/library/x:1": "x:1",
		"Me/X": "me/x:latest", "hf.co/Me/X:Q4_K": "hf.co/me/x:q4_k", "hf.co/library/x": "hf.co/library/x:latest",
	} {
		n, err := ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(n.Fold(nil)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestMatchingCostsNoMemory(t *testing.T) {
	n, _ := ParseName("hf.co/me/Qwen3:8b")
	p := pattern(t, "*qw*3*")
	if allocs := testing.AllocsPerRun(100, func() {
		var buf [128]byte
		if !p.Matches(n.Fold(buf[:0])) {
			t.Error("no match")
		}
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}
