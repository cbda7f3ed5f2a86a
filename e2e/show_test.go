package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/parser"

	"gollamas/internal/ollamatest"
)

func TestAShownModelfileNamesTheModelAndMakesItAgain(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		shown, err := f.client.Show(limited(t), &api.ShowRequest{Model: "tiny-random"})
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(strings.NewReader(shown.Modelfile))
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(file.Commands, func(c parser.Command) bool { return c.Name == "model" }); i < 0 || file.Commands[i].Args != "tiny-random:latest" {
			t.Fatalf("it is not made from tiny-random:\n%s", shown.Modelfile)
		}
		if strings.Contains(shown.Modelfile, "sha256-") {
			t.Errorf("it names a server's file:\n%s", shown.Modelfile)
		}
		req, err := file.CreateRequest(".")
		if err != nil {
			t.Fatal(err)
		}
		req.Model = "mine"
		if err := f.client.Create(limited(t), req, new(records).hear); err != nil {
			t.Fatal(err)
		}
		f.holders(t, "mine", "a")
	})
}

func TestAChangeIsShownAndListedAndLoadedAtOnce(t *testing.T) {
	onAnyManaged(t, func(t *testing.T, f *managed) {
		ask := func(model string) error {
			return f.client.Generate(limited(t), &api.GenerateRequest{Model: model, Prompt: "hello"}, func(api.GenerateResponse) error { return nil })
		}
		for _, c := range []change{creating, copying} {
			if err := c.ask(f.client, t, "mine"); err != nil {
				t.Fatal(err)
			}
			if shown, err := f.client.Show(limited(t), &api.ShowRequest{Model: "mine"}); err != nil || shown.Details.Family != "llama" {
				t.Errorf("after %s: %v", c.path, err)
			}
			if err := ask("mine"); err != nil {
				t.Errorf("after %s: %v", c.path, err)
			}
			soon(t, "it is listed as loaded", func() bool { return f.runs(t, "mine:latest") })
			unload(t, f.client, "mine")
			soon(t, "it is not listed as loaded", func() bool { return !f.runs(t, "mine:latest") })
			if err := deleting.ask(f.client, t, "mine"); err != nil {
				t.Fatal(err)
			}
			_, err := f.client.Show(limited(t), &api.ShowRequest{Model: "mine"})
			if code, _ := told(err); code != 404 {
				t.Errorf("after its end: %v", err)
			}
			if code, _ := told(ask("mine")); code != 404 {
				t.Errorf("after its end it answers with %d", code)
			}
		}
	})
}

// runs says whether a model is listed as loaded.
func (f *managed) runs(t *testing.T, model string) bool {
	t.Helper()
	list, err := f.client.ListRunning(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(list.Models, func(m api.ProcessModelResponse) bool { return m.Name == model })
}

// unload does what "ollama stop" does.
func unload(t *testing.T, c *api.Client, model string) {
	t.Helper()
	req := &api.GenerateRequest{Model: model, KeepAlive: &api.Duration{}}
	if err := c.Generate(limited(t), req, func(api.GenerateResponse) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestAPushGoesToTheFirstHolderAndTellsAsItDoes(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		var got, direct records
		if err := f.client.Push(limited(t), &api.PushRequest{Model: "tiny-chain"}, got.hear); err != nil {
			t.Fatal(err)
		}
		f.reached(t, "/api/push", "a")
		if err := ollamaClient(t, f.boxes["a"].url).Push(limited(t), &api.PushRequest{Model: "tiny-chain"}, direct.hear); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, direct) {
			t.Errorf("told %+v\nnot  %+v", got, direct)
		}
		f.boxes["a"].pretend.Fault(ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: "/api/push", After: 2, Body: "unauthorized"})
		err := f.client.Push(limited(t), &api.PushRequest{Model: "tiny-chain"}, new(records).hear)
		if _, text := told(err); text != "unauthorized" {
			t.Errorf("a push that fails says %v", err)
		}
	})
}
