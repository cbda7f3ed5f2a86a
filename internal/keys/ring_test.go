package keys

import (
	"testing"

	"gollamas/internal/ollama"
)

func ring(t *testing.T, before *Ring, all ...Key) *Ring {
	t.Helper()
	r, err := NewRing(all, before, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func key(t *testing.T, name, secret string, models ...string) Key {
	t.Helper()
	k := Key{Name: name, Models: models}
	if err := k.Read(secret); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhoHasTheSecretIsFound(t *testing.T) {
	r := ring(t, nil, key(t, "a", "the-secret-of-a"), key(t, "b", "the-secret-of-b"))
	for _, c := range []struct {
		want    string
		secrets []string
	}{
		{"a", []string{"the-secret-of-a"}}, {"b", []string{"the-secret-of-b"}}, {"b", []string{"nonsense", "the-secret-of-b"}},
		{"", nil}, {"", []string{""}}, {"", []string{"the-secret-of-"}}, {"", []string{"THE-SECRET-OF-A"}}, {"", []string{"the-secret-of-a "}},
	} {
		if got := r.Find(c.secrets...); (got == nil) != (c.want == "") || got.Name() != c.want {
			t.Errorf("%q is %q, want %q", c.secrets, got.Name(), c.want)
		}
	}
}

func TestAnEmptySecretIsNobodysBeItsHashSomebodys(t *testing.T) {
	k := Key{Name: "careless"}
	if err := k.Read("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"); err != nil { // of nothing
		t.Fatal(err)
	}
	if got := ring(t, nil, k).Find(""); got != nil {
		t.Error("the empty secret lets in")
	}
}

func TestAKeySeesItsModelsInEverySpellingAndNoOther(t *testing.T) {
	r := ring(t, nil, key(t, "some", "the-secret-of-some", "llama3.2", "qwen*", "me/own:1b"), key(t, "all", "the-secret-of-all"))
	some, all := r.named("some"), r.named("all")
	for name, want := range map[string]bool{
		"llama3.2": true, "LLAMA3.2:latest": true, "registry.ollama.ai/library/llama3.2": true, "llama3.2:local": true,
		"qwen3:8b": true, "Qwen:latest": true, "me/own:1b": true,
		"llama3.2:1b": false, "llama3": false, "me/own": false, "own:1b": false, "you/qwen3": false, "host/library/llama3.2": false,
	} {
		n, err := ollama.ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := some.Sees(n); got != want {
			t.Errorf("%s: %v", name, got)
		}
		if !all.Sees(n) || !(*Holder)(nil).Sees(n) {
			t.Errorf("%s is hidden from who may see all", name)
		}
	}
}

func TestWhatAKeyDoesNotSayIsAsForEverybody(t *testing.T) {
	said := ring(t, nil, Key{Name: "a", Manage: Yes, Cloud: No}).named("a")
	unsaid := ring(t, nil, Key{Name: "a"}).named("a")
	if !said.Manages(false) || said.Leaves(true) || !unsaid.Manages(true) || unsaid.Manages(false) || !unsaid.Leaves(true) || unsaid.Leaves(false) {
		t.Error("a key's own word decides, and else that of the settings")
	}
	var nobody *Holder
	if !nobody.Manages(true) || nobody.Leaves(false) || nobody.Bounded() {
		t.Error("without keys the settings decide")
	}
}
