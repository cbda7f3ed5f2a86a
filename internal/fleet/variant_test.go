package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

const aDigest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func parsed(t testing.TB, s string) ollama.Name {
	t.Helper()
	n, err := ollama.ParseName(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return n
}

func TestAVariantsNameSaysItsBaseAndContext(t *testing.T) {
	long := strings.Repeat("t", 80)
	for base, want := range map[string]string{
		"llama3.2":                  "gollamas/llama3.2:latest-ctx8192-0123456789ab",
		"Qwen3:8B":                  "gollamas/Qwen3:8B-ctx8192-0123456789ab",
		"me/x:y":                    "gollamas/x:y-ctx8192-0123456789ab",
		"hf.co/me/x.gguf:Q4_K_M":    "gollamas/x.gguf:Q4_K_M-ctx8192-0123456789ab",
		"gollamas/x":                "gollamas/x:latest-ctx8192-0123456789ab",
		"m:" + long:                 "gollamas/m:" + long[:80-21] + "-ctx8192-0123456789ab",
		strings.Repeat("m", 80):     "gollamas/" + strings.Repeat("m", 80) + ":latest-ctx8192-0123456789ab",
		"x:a-ctx5-aaaaaaaaaaaa-ctx": "gollamas/x:a-ctx5-aaaaaaaaaaaa-ctx-ctx8192-0123456789ab",
	} {
		got := VariantName(parsed(t, base), aDigest, 8192)
		if got != want {
			t.Errorf("%s: %s, want %s", base, got, want)
		}
		if digest, numCtx, ok := ParseVariant(parsed(t, got)); digest != aDigest[:12] || numCtx != 8192 || !ok {
			t.Errorf("%s is read as %s %d %v", got, digest, numCtx, ok)
		}
	}
	for _, digest := range []string{"", "0123456789a", "sha256:0123456789abcdef", "0123456789AB"} {
		if got := VariantName(parsed(t, "m"), digest, 8192); got != "" {
			t.Errorf("of the digest %q: %q", digest, got)
		}
	}
}

func TestOnlyWhatGollamasMakesIsAVariant(t *testing.T) {
	for _, name := range []string{
		"gollamas/m", "gollamas/m:latest", "m:latest-ctx8192-0123456789ab", "me/m:latest-ctx8192-0123456789ab", "hf.co/gollamas/m:latest-ctx8192-0123456789ab",
		"gollamas/m:latest-ctx8192", "gollamas/m:latest-ctx8192-0123456789abc", "gollamas/m:latest-ctx8192-0123456789a", "gollamas/m:latest-ctx8192-0123456789ag",
		"gollamas/m:latest-ctx08192-0123456789ab", "gollamas/m:latest-ctx0-0123456789ab", "gollamas/m:latest-ctx-0123456789ab", "gollamas/m:latest-ctx-1-0123456789ab",
		"gollamas/m:latest-ctx99999999999999999999-0123456789ab", "gollamas/m:latest-ctx8k-0123456789ab", "gollamas/m:latest-ctx8192-0123456789ab-x",
	} {
		if digest, numCtx, ok := ParseVariant(parsed(t, name)); ok {
			t.Errorf("%s is taken for a variant: %s %d", name, digest, numCtx)
		}
	}
	if _, _, ok := ParseVariant(ollama.Name{Host: "registry.ollama.ai", Namespace: "gollamas", Model: "m", Tag: "-ctx8192-0123456789ab"}); ok {
		t.Error("a tag of which nothing is the base's is taken for a variant's")
	}
	if digest, _, ok := ParseVariant(parsed(t, "Gollamas/M:Latest-CTX8192-0123456789AB")); digest != aDigest[:12] || !ok {
		t.Error("another model's letters, which Ollama borrows, hide a variant")
	}
}

func FuzzAVariantsNameIsANameAndReadBack(f *testing.F) {
	f.Add("llama3.2", aDigest, 8192)
	f.Add("hf.co/me/"+strings.Repeat("m", 80)+":"+strings.Repeat("t", 80), aDigest, 1<<62)
	f.Add("x:a-ctx5-aaaaaaaaaaaa", aDigest, 4)
	f.Add("m", "0123456789a", -1)
	f.Fuzz(func(t *testing.T, base, digest string, numCtx int) {
		n, err := ollama.ParseName(base)
		if err != nil {
			return
		}
		name := VariantName(n, digest, numCtx)
		if name == "" {
			return
		}
		got, err := ollama.ParseName(name)
		if err != nil || got.Cloud || got.Full() != name || len(got.Model) > 80 || len(got.Tag) > 80 {
			t.Fatalf("%q makes %q: %+v %v", base, name, got, err)
		}
		if d, c, ok := ParseVariant(got); !ok || !strings.HasPrefix(digest, d) || c != numCtx {
			t.Fatalf("%q is read as %s %d %v", name, d, c, ok)
		}
	})
}

// seen is the state after a look that saw these lists.
func seenLists(installed, loaded []ollama.Listed) *State {
	s := &State{Known: true, Up: true, Looked: time.Unix(1, 0)}
	s.list(keyed(installed), keyed(loaded))
	return s
}

func listed(name, digest string) ollama.Listed {
	return ollama.Listed{Name: name, Digest: digest, Raw: []byte(`{"name":"` + name + `","model":"` + name + `","digest":"` + digest + `","details":{"name":"x","digest":"y"},"size":7}`)}
}

func TestALookKeepsVariantsApartAndShowsTheirBaseAsLoaded(t *testing.T) {
	const variant, gone = "gollamas/m:latest-ctx1024-0123456789ab", "gollamas/old:latest-ctx1024-ffffffffffff"
	loaded := listed(variant, "fedc")
	loaded.NumCtx, loaded.Size = 1024, 7
	orphan := listed(gone, "abcd")
	orphan.Size = 8
	s := seenLists([]ollama.Listed{listed("copy:latest", aDigest), listed("M:latest", aDigest), listed(variant, "fedc"), listed("gollamas/mine:latest", "9")}, []ollama.Listed{loaded, orphan})
	if len(s.Installed) != 3 || len(s.Variants) != 1 || s.Has(parsed(t, variant).Key()) != nil || !s.HasVariant(parsed(t, variant).Key()) {
		t.Errorf("installed %v, variants %v", s.Installed, s.Variants)
	}
	m := s.Loaded[0]
	want := `{"name":"M:latest","model":"M:latest","digest":"` + aDigest + `","details":{"name":"x","digest":"y"},"size":7}`
	if string(m.Raw) != want || m.Key != parsed(t, "m").Key() || m.Name.Model != "M" || m.Digest != aDigest || m.NumCtx != 1024 || m.Variant {
		t.Errorf("the base is seen as %s %+v", m.Raw, m)
	}
	if got := s.Running(parsed(t, "m").Key()); got == nil || got.NumCtx != 1024 {
		t.Errorf("the base is not seen to be loaded: %+v", got)
	}
	o := s.Loaded[1]
	if !o.Variant || s.Running(parsed(t, gone).Key()) != nil || sum(s.Loaded) != 15 {
		t.Errorf("a variant without a base is to take memory and to be nobody's: %+v", o)
	}
}

// A server's lists have no bound. What is loaded there is found by what is installed without asking all of that each time.
func TestTheWorkOfALookGrowsWithItsListsAndNoFaster(t *testing.T) {
	for name, digest := range map[string]func(i int) string{
		"models":              func(i int) string { return fmt.Sprintf("%012x", i) + aDigest[12:] },
		"copies of one":       func(int) string { return aDigest },
		"of no digest at all": func(int) string { return "" },
	} {
		work := func(n int) float64 {
			var installed, loaded []ollama.Listed
			for i := range n {
				base := parsed(t, fmt.Sprintf("m%d", i))
				installed = append(installed, listed(base.Short(), digest(i)))
				as := VariantName(base, digest(i), 8192)
				if as == "" { // then the base itself is loaded
					as = base.Short()
				}
				loaded = append(loaded, listed(as, ""))
			}
			return testing.AllocsPerRun(1, func() { seenLists(installed, loaded) })
		}
		few, many := work(300), work(3000)
		if many > 15*few {
			t.Errorf("%s: %v allocations for 3000 of them, %v for a tenth of that", name, many, few)
		}
	}
}
