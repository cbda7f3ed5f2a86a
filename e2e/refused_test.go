package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

func TestWhatWouldChangeTheServersIsRefused(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := ollamaClient(t, f.url)
		said := func(api.ProgressResponse) error { return nil }
		digest := "sha256:" + strings.Repeat("0", 64)
		for path, err := range map[string]error{
			"/api/create": c.Create(limited(t), &api.CreateRequest{Model: "mine", From: "tiny-chain"}, said),
			"/api/copy":   c.Copy(limited(t), &api.CopyRequest{Source: "tiny-chain", Destination: "mine"}),
			"/api/delete": c.Delete(limited(t), &api.DeleteRequest{Model: "tiny-chain"}),
			"/api/push":   c.Push(limited(t), &api.PushRequest{Model: "tiny-chain"}, said),
			"/api/blobs/": c.CreateBlob(limited(t), digest, strings.NewReader("hello")),
		} {
			code, text := told(err)
			if code != http.StatusForbidden || !strings.Contains(text, path) || !strings.Contains(text, "--manage") {
				t.Errorf("%s: status %d, %q: %v", path, code, text, err)
			}
		}
		if !lists(t, f.a.url, modelsOfA) || !lists(t, f.b.url, modelsOfB) {
			t.Error("a server has been changed")
		}
	})
}

func TestOnlyModelsWithARouteArePulled(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		err := ollamaClient(t, f.url).Pull(limited(t), &api.PullRequest{Model: unknown}, func(api.ProgressResponse) error { return nil })
		if code, text := told(err); code != http.StatusForbidden || !strings.Contains(text, unknown) {
			t.Errorf("status %d, %q: %v", code, text, err)
		}
	})
}

func TestAPullTellsOfItsProgressAndOfItsFailure(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		var steps []string
		pull := func(model string) error {
			steps = nil
			return ollamaClient(t, f.url).Pull(limited(t), &api.PullRequest{Model: model}, func(r api.ProgressResponse) error {
				steps = append(steps, r.Status)
				return nil
			})
		}
		if f.name == real.name { // its way to the registry is closed
			if err := pull("tiny-chain"); err == nil || !strings.Contains(err.Error(), "pull model manifest") || len(steps) == 0 {
				t.Errorf("%v after %v", err, steps)
			}
			return
		}
		if err := pull(alias); err != nil || steps[len(steps)-1] != "success" {
			t.Errorf("%v after %v", err, steps)
		}
	})
}
