package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ollama/ollama/api"
)

func TestOllamaLibraryCreatesFromABaseWhereTheBaseIs(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		for _, from := range []string{"tiny-chain", alias} {
			var got records
			if err := f.client.Create(limited(t), &api.CreateRequest{Model: "mine", From: from, System: "Be short."}, got.hear); err != nil {
				t.Fatal(err)
			}
			f.reached(t, "/api/create", "a b")
			f.holders(t, "mine", "a b")
			steps := got.statuses()
			for _, step := range []string{"a: writing manifest", "b: writing manifest"} {
				if !slices.Contains(steps, step) {
					t.Errorf("from %s: nobody is told %q: %q", from, step, steps)
				}
			}
			if steps[len(steps)-1] != "success" {
				t.Errorf("from %s: the last word is %q", from, steps)
			}
		}
	})
}

func TestOllamaLibraryCreatesWithoutAStream(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		var got records
		if err := f.client.Create(limited(t), &api.CreateRequest{Model: "mine", From: "tiny-chain", Stream: new(bool)}, got.hear); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].Status != "success" {
			t.Errorf("the answer is %+v", got)
		}
		f.holders(t, "mine", "a b")
	})
}

func TestOllamaLibraryCreatesFromAFileOnEveryServerOfARoute(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		req := modelfile(t, "random", "mine")
		digest := req.Files["tiny-random.gguf"]
		upload(t, f.client, filepath.Join("testdata", "models", "tiny-random.gguf"), digest)
		for _, s := range f.boxes {
			has(t, s, digest)
		}
		var got records
		if err := f.client.Create(limited(t), req, got.hear); err != nil {
			t.Fatal(err)
		}
		f.reached(t, "/api/create", "a b c")
		f.holders(t, "mine", "a b c")
		if steps := got.statuses(); steps[len(steps)-1] != "success" || !slices.Contains(steps, "c: parsing GGUF") {
			t.Errorf("%q", steps)
		}
	})
}

// has checks that a server has a file.
func has(t *testing.T, s *server, digest string) {
	t.Helper()
	res, err := http.Head(s.url + "/api/blobs/" + digest)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("%s has the file: %s", s.url, res.Status)
	}
}

func TestOllamaLibraryIsToldOfABaseThatIsNotThere(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		err := f.client.Create(limited(t), &api.CreateRequest{Model: "fam-mine", From: "tiny-random"}, new(records).hear)
		if code, text := told(err); code != 404 || text != `model "tiny-random" not found on b, c, where "fam-mine" leads: pull it there first` {
			t.Errorf("%d %q", code, text)
		}
		f.untouched(t, "create")
		f.holders(t, "fam-mine", "")
	})
}
