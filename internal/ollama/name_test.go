package ollama

import "testing"

func TestEachSpellingOfANameIsOneModel(t *testing.T) {
	for _, s := range []string{
		"llama3.2", "llama3.2:latest", "library/llama3.2", "LLAMA3.2:Latest", " llama3.2 ", "llama3.2:local",
		"registry.ollama.ai/library/llama3.2", "Registry.Ollama.AI/Library/llama3.2:latest", "https://registry.ollama.ai/library/llama3.2",
	} {
		n, err := ParseName(s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if got := n.Key(); got != "registry.ollama.ai/library/llama3.2:latest" {
			t.Errorf("%q: key %s", s, got)
		}
	}
}

func TestNamesAreShownAsOllamaListsThem(t *testing.T) {
	for in, want := range map[string][2]string{
		"x":                            {"x:latest", "x"},
		"library/x:7b":                 {"x:7b", "x:7b"},
		"me/x":                         {"me/x:latest", "me/x"},
		"hf.co/me/x:Q4_K_M":            {"hf.co/me/x:Q4_K_M", "hf.co/me/x:Q4_K_M"},
		"localhost:5000/library/x":     {"localhost:5000/library/x:latest", "localhost:5000/library/x"},
		"http://localhost:5000/me/x:1": {"localhost:5000/me/x:1", "localhost:5000/me/x:1"},
	} {
		n, err := ParseName(in)
		if err != nil || n.Full() != want[0] || n.Short() != want[1] {
			t.Errorf("%q: full %q short %q %v, want %q", in, n.Full(), n.Short(), err, want)
		}
	}
}

func TestBadNamesHaveOllamasText(t *testing.T) {
	for in, want := range map[string]string{
		"": "model is required", "  ": "model is required",
		"bad name!": "invalid model name", "x@sha256:abc": "invalid model name", "x:": "invalid model name", "/x": "invalid model name",
		"a/b/c/d": "invalid model name", "-x": "invalid model name", "ä": "invalid model name", "a.b/x": "invalid model name",
		"x:local:cloud": `use either :local or :cloud, not both: "x:local:cloud"`,
	} {
		if _, err := ParseName(in); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

func TestAListedNameThatWouldMeanAnotherModelIsNotReachable(t *testing.T) {
	for in, want := range map[string]bool{"x:latest": true, "me/x:7b": true, "x:local": false, "x:7b-cloud": false, "x:cloud": false, "": false, "bad name": false} {
		if _, reachable := ParseListed(in); reachable != want {
			t.Errorf("%q: reachable %v", in, reachable)
		}
	}
}

func TestCloudNamesAreKnown(t *testing.T) {
	for in, want := range map[string]bool{
		"x:cloud": true, "x:120b-cloud": true, "x:120B-CLOUD": true, "x:local": false, "x": false, "x-cloud": false, "x:cloudy": false,
	} {
		if n, err := ParseName(in); err != nil || n.Cloud != want {
			t.Errorf("%q: cloud %v %v", in, n.Cloud, err)
		}
	}
}
