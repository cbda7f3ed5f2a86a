package rewrite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

func name(t testing.TB, s string) ollama.Name {
	t.Helper()
	n, err := ollama.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// scopes are the four, by letters: everywhere, connection, model, both.
var scopes = map[string]Scope{
	"e": {}, "c": {Connection: "mini"}, "m": {Model: "llama3.2"}, "b": {Model: "llama3.2", Connection: "mini"},
}

// TestTheMostSpecificScopeDecides has all 15 combinations of scopes that say
// something, and in each every choice of default and enforced.
func TestTheMostSpecificScopeDecides(t *testing.T) {
	for said, want := range map[string]string{
		"e": "e", "c": "c", "m": "m", "b": "b",
		"ec": "c", "em": "m", "eb": "b", "cm": "m", "cb": "b", "mb": "b",
		"ecm": "m", "ecb": "b", "emb": "b", "cmb": "b",
		"ecmb": "b",
	} {
		for choice := range 1 << len(said) {
			checkCombination(t, said, choice, want)
		}
	}
}

// checkCombination gives each scope in said a value of its own, enforced where choice has its bit.
func checkCombination(t *testing.T, said string, choice int, want string) {
	t.Helper()
	var numCtx []Scoped[int]
	var keep []Scoped[KeepAlive]
	var wish Wish
	for i, letter := range strings.Split(said, "") {
		force := Default
		if choice>>i&1 == 1 {
			force = Enforced
		}
		n, k := Rule[int]{1000 + i, force}, Rule[KeepAlive]{KeepAlive(i), force}
		numCtx = append(numCtx, Scoped[int]{scopes[letter], n})
		keep = append(keep, Scoped[KeepAlive]{scopes[letter], k})
		if letter == want {
			wish = Wish{k, n}
		}
	}
	rules, err := NewRules(keep, numCtx)
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.For(name(t, "llama3.2"), "mini"); got != wish {
		t.Errorf("%s, enforced %b: %v, want %v", said, choice, got, wish)
	}
	if got := rules.For(name(t, "other"), "main"); got.NumCtx.Said() != strings.Contains(said, "e") {
		t.Errorf("%s: another model elsewhere gets %v", said, got)
	}
}

func rules(t testing.TB, numCtx ...Scoped[int]) *Rules {
	t.Helper()
	r, err := NewRules(nil, numCtx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func scoped(model, connection string, n int) Scoped[int] {
	return Scoped[int]{Scope{model, connection}, Rule[int]{n, Default}}
}

func TestAnExactNameWinsOverAPatternAndALongerPatternOverAShorter(t *testing.T) {
	r := rules(t, scoped("*", "", 1), scoped("qwen*", "", 2), scoped("qwen*:8b", "", 3), scoped("qwen3:8b", "", 4),
		scoped("q*", "mini", 5), scoped("qwen2.5", "mini", 6), scoped("", "mini", 7), scoped("hf.co/me/*", "", 8), scoped("Library/Gemma*", "", 9))
	for _, c := range []struct {
		model, connection string
		want              int
	}{
		{"qwen3:8b", "main", 4}, {"library/QWEN3:8B", "main", 4}, {"qwen2.5:8b", "main", 3}, {"qwen2.5", "main", 2}, {"llama", "main", 1},
		{"qwen3:8b", "mini", 5}, // model on connection, be it by a pattern, is more specific than the model
		{"qwen2.5", "mini", 6}, {"qwen2.5:latest", "mini", 6}, {"llama", "mini", 1}, {"hf.co/Me/x:Q4", "main", 8}, {"gemma3", "main", 9},
	} {
		if got := r.For(name(t, c.model), c.connection).NumCtx.Value; got != c.want {
			t.Errorf("%s on %s: %d, want %d", c.model, c.connection, got, c.want)
		}
	}
}

func TestEachValueIsDecidedByItself(t *testing.T) {
	hour := Rule[KeepAlive]{KeepAlive(time.Hour), Enforced}
	r, err := NewRules([]Scoped[KeepAlive]{{Scope{}, hour}, {Scope{Model: "x"}, Rule[KeepAlive]{}}}, []Scoped[int]{scoped("x", "", 8192)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.For(name(t, "x"), "main"), (Wish{hour, Rule[int]{8192, Default}}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWithinOneScopeWhatIsEnforcedCounts(t *testing.T) {
	for _, model := range []string{"", "qwen3", "qwen*"} {
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			both := []Scoped[int]{{Scope{Model: model}, Rule[int]{1000, Default}}, {Scope{Model: model}, Rule[int]{2000, Enforced}}}
			r := rules(t, both[order[0]], both[order[1]])
			if got := r.For(name(t, "qwen3"), "main").NumCtx; got != (Rule[int]{2000, Enforced}) {
				t.Errorf("%q %v: %v", model, order, got)
			}
		}
	}
}

func TestAModelThatCannotBeOneIsRefused(t *testing.T) {
	for model, want := range map[string]string{"bad name": `"bad name": invalid model name`, "qwen *": `"qwen *" matches no model: " " stands in no name`} {
		if _, err := NewRules(nil, []Scoped[int]{scoped(model, "mini", 1)}); fmt.Sprint(err) != want {
			t.Errorf("%s: %v", model, err)
		}
	}
	var none *Rules
	if none.For(name(t, "x"), "") != (Wish{}) {
		t.Error("no rules want something")
	}
}

// manyRules are more than anybody has.
func manyRules(t testing.TB) *Rules {
	all := []Scoped[int]{scoped("", "", 1), scoped("", "mini", 2), scoped("llama3.2", "mini", 3)}
	for i := range 20 {
		all = append(all, scoped(fmt.Sprintf("model-%d", i), "", i+10), scoped(fmt.Sprintf("qwen%d*:8b", i), "", i+50))
	}
	keep := []Scoped[KeepAlive]{{Scope{}, Rule[KeepAlive]{1, Default}}, {Scope{Model: "*b"}, Rule[KeepAlive]{2, Enforced}}}
	r, err := NewRules(keep, all)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAskingTheRulesCostsNoMemory(t *testing.T) {
	r := manyRules(t)
	for _, s := range []string{"llama3.2", "Qwen19.5:8b", "model-7", "hf.co/unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF:Q4_K_M"} {
		n := name(t, s)
		if allocs := testing.AllocsPerRun(100, func() { r.For(n, "mini") }); allocs > 0 {
			t.Errorf("%s: %v allocations", s, allocs)
		}
	}
}

func BenchmarkForAnExactName(b *testing.B) {
	r, n := manyRules(b), name(b, "llama3.2")
	b.ReportAllocs()
	for b.Loop() {
		r.For(n, "mini")
	}
}

func BenchmarkForPastTwentyPatterns(b *testing.B) {
	r, n := manyRules(b), name(b, "qwen:8b")
	b.ReportAllocs()
	for b.Loop() {
		r.For(n, "main")
	}
}

func TestARoutesRulesAreThoseThatHoldForAllItMatches(t *testing.T) {
	rule := func(n int) Rule[int] { return Rule[int]{n, Default} }
	r, err := NewRules(nil, []Scoped[int]{
		{Scope{Model: "qwen*"}, rule(1)}, {Scope{Model: "qwen3:*"}, rule(2)}, {Scope{Model: "qwen3:8b"}, rule(3)},
		{Scope{Connection: "mini"}, rule(4)}, {Scope{Model: "qwen*", Connection: "mini"}, rule(5)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		model, connection string
		want              int
	}{
		{"qwen*", "main", 1}, {"Qwen*", "main", 1}, {"qwen3*", "main", 1}, {"qwen3:*", "main", 2}, {"qwen3:8b", "main", 3}, {"qwen3:8B", "main", 3},
		{"*", "main", 0}, {"*", "mini", 4}, {"qwen*", "mini", 5}, {"llama3.2", "mini", 4}, {"llama3.2", "main", 0}, {"not a name", "mini", 0},
	} {
		if got := r.ForRoute(c.model, c.connection).NumCtx.Value; got != c.want {
			t.Errorf("%s on %s: %d, want %d", c.model, c.connection, got, c.want)
		}
	}
	var none *Rules
	if got := none.ForRoute("a", "b"); got != (Wish{}) {
		t.Errorf("%+v", got)
	}
}
