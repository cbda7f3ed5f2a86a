package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

func TestOllamaLibraryCopiesAndDeletesOnEveryHolder(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		if err := f.client.Copy(limited(t), &api.CopyRequest{Source: "tiny-chain", Destination: "mine"}); err != nil {
			t.Fatal(err)
		}
		f.reached(t, "/api/copy", "a b")
		f.holders(t, "mine", "a b")
		if err := f.client.Delete(limited(t), &api.DeleteRequest{Model: "mine"}); err != nil {
			t.Fatal(err)
		}
		f.reached(t, "/api/delete", "a b")
		f.holders(t, "mine", "")
		f.holders(t, "tiny-chain", "a b")
	})
}

func TestOllamaLibraryCopiesAnAliasAsWhatItStandsFor(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		if err := f.client.Copy(limited(t), &api.CopyRequest{Source: alias, Destination: "mine"}); err != nil {
			t.Fatal(err)
		}
		f.holders(t, "mine", "a b")
	})
}

func TestACopyOrADeleteThatFailsOnOneServerSaysWhich(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		f.boxes["b"].stop()
		err := f.client.Copy(limited(t), &api.CopyRequest{Source: "tiny-chain", Destination: "mine"})
		saysWhich(t, err, "copied on a, but not on b (")
		err = f.client.Delete(limited(t), &api.DeleteRequest{Model: "tiny-chain"})
		saysWhich(t, err, "deleted on a, but not on b (")
	})
}

func saysWhich(t *testing.T, err error, part string) {
	t.Helper()
	if code, text := told(err); code != http.StatusBadGateway || !strings.HasPrefix(text, part) {
		t.Errorf("%d %q, not %q", code, text, part)
	}
}

func TestOllamaLibraryIsToldOfModelsThatAreNotThere(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		saysMissing(t, f.client.Copy(limited(t), &api.CopyRequest{Source: unknown, Destination: "mine"}), `model "`+unknown+`" not found`)
		saysMissing(t, f.client.Copy(limited(t), &api.CopyRequest{Source: "fresh", Destination: "mine"}), `model "fresh" not found`)
		saysMissing(t, f.client.Delete(limited(t), &api.DeleteRequest{Model: unknown}), notFound)
		saysMissing(t, f.client.Delete(limited(t), &api.DeleteRequest{Model: "fresh"}), "model 'fresh' not found")
		f.untouched(t, "what is not there")
	})
}

// A change is one of the requests that change servers, about a model of this name.
type change struct {
	path string
	ask  func(c *api.Client, t *testing.T, model string) error
}

var (
	copying = change{"/api/copy", func(c *api.Client, t *testing.T, m string) error {
		return c.Copy(limited(t), &api.CopyRequest{Source: "tiny-chain", Destination: m})
	}}
	deleting = change{"/api/delete", func(c *api.Client, t *testing.T, m string) error {
		return c.Delete(limited(t), &api.DeleteRequest{Model: m})
	}}
	creating = change{"/api/create", func(c *api.Client, t *testing.T, m string) error {
		return c.Create(limited(t), &api.CreateRequest{Model: m, From: "tiny-chain"}, new(records).hear)
	}}
	pushing = change{"/api/push", func(c *api.Client, t *testing.T, m string) error {
		return c.Push(limited(t), &api.PushRequest{Model: m}, new(records).hear)
	}}
)

func TestNamesThatSayWhereAModelRunsAreRefused(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		for name, end := range map[string]string{"mine:local": ":local", "mine:cloud": ":cloud", "mine:7b-cloud": "-cloud", "tiny-chain:Local": ":Local"} {
			for _, c := range []change{copying, deleting, creating} {
				code, text := told(c.ask(f.client, t, name))
				want := `"` + name + `" ends in ` + end + ", which is no part of a model's name to Ollama but says where it runs"
				if code != http.StatusBadRequest || !strings.HasPrefix(text, want) {
					t.Errorf("%s %s: %d %q", c.path, name, code, text)
				}
			}
		}
		f.untouched(t, "a name that says where")
		f.holders(t, "tiny-chain", "a b")
	})
}

func TestAnAliasIsNeitherDeletedNorWrittenTo(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		for _, c := range []change{copying, deleting, creating, pushing} {
			code, text := told(c.ask(f.client, t, alias))
			if code != http.StatusBadRequest || !strings.HasPrefix(text, `"`+alias+`" is gollamas' alias of "tiny-chain": say "tiny-chain" itself`) {
				t.Errorf("%s: %d %q", c.path, code, text)
			}
		}
		f.untouched(t, "an alias")
	})
}

func TestWithoutManageNothingReachesAServer(t *testing.T) {
	onKinds(t, []kind{pretended, newer}, func(t *testing.T, k kind) {
		f := newManaged(t, k)
		for _, c := range []change{copying, deleting, creating, pushing} {
			code, text := told(c.ask(f.client, t, "mine"))
			if code != http.StatusForbidden || !strings.HasPrefix(text, c.path+" changes servers") || !strings.Contains(text, "--manage") {
				t.Errorf("%s: %d %q", c.path, code, text)
			}
		}
		f.untouched(t, "without --manage")
	})
}
