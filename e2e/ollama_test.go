package e2e

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// ollamaClient is the client of Ollama's own library.
func ollamaClient(t *testing.T, to string) *api.Client {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return api.NewClient(u, http.DefaultClient)
}

// Ollama's library reads with a bufio.Scanner and never asks it for its error.
var ollamaSpeakers = []speaker{
	{"ollama chat", "/api/chat", true, ollamaChat},
	{"ollama generate", "/api/generate", true, ollamaGenerate},
}

func ollamaChat(ctx context.Context, to string, q question, heard func(model, text string)) error {
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	m := api.Message{Role: "user", Content: "hello"}
	if q.image != nil {
		m.Images = []api.ImageData{q.image}
	}
	req := &api.ChatRequest{Model: q.model, Messages: []api.Message{m}, Stream: &q.stream}
	return api.NewClient(u, http.DefaultClient).Chat(ctx, req, func(r api.ChatResponse) error {
		heard(r.Model, r.Message.Content)
		return nil
	})
}

func ollamaGenerate(ctx context.Context, to string, q question, heard func(model, text string)) error {
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	req := &api.GenerateRequest{Model: q.model, Prompt: "hello", Stream: &q.stream}
	if q.image != nil {
		req.Images = []api.ImageData{q.image}
	}
	return api.NewClient(u, http.DefaultClient).Generate(ctx, req, func(r api.GenerateResponse) error {
		heard(r.Model, r.Response)
		return nil
	})
}

// names are the models of a list, in its order.
func names(l *api.ListResponse) []string {
	var out []string
	for _, m := range l.Models {
		out = append(out, m.Name)
	}
	return out
}

func TestOllamaLibraryGetsTheFiguresOfAnAnswer(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		var last api.ChatResponse
		req := &api.ChatRequest{Model: "tiny-chain", Messages: []api.Message{{Role: "user", Content: "hello"}}}
		err := ollamaClient(t, f.url).Chat(limited(t), req, func(r api.ChatResponse) error {
			last = r
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !last.Done || last.DoneReason != "stop" || last.PromptEvalCount != 7 || last.EvalCount != 16 || last.TotalDuration <= 0 {
			t.Errorf("the last record is %+v", last)
		}
	})
}

func TestOllamaLibraryGoesOnFromAContext(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		first := generated(t, f, api.GenerateRequest{Model: "tiny-chain", Prompt: "hello"})
		second := generated(t, f, api.GenerateRequest{Model: "tiny-chain", Prompt: "and", Context: first.Context})
		if len(first.Context) == 0 || len(second.Context) <= len(first.Context) {
			t.Errorf("the context went from %d to %d tokens", len(first.Context), len(second.Context))
		}
	})
}

// generated is the last record of an answer.
func generated(t *testing.T, f *fleet, req api.GenerateRequest) api.GenerateResponse {
	t.Helper()
	var last api.GenerateResponse
	err := ollamaClient(t, f.url).Generate(limited(t), &req, func(r api.GenerateResponse) error {
		last = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func TestOllamaLibraryEmbeds(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := ollamaClient(t, f.url)
		got, err := c.Embed(limited(t), &api.EmbedRequest{Model: "tiny-embed", Input: []string{"hello", "world"}})
		if err != nil {
			t.Fatal(err)
		}
		if got.Model != "tiny-embed" || len(got.Embeddings) != 2 || len(got.Embeddings[0]) != 32 {
			t.Errorf("embed: model %q, %d vectors", got.Model, len(got.Embeddings))
		}
		old, err := c.Embeddings(limited(t), &api.EmbeddingRequest{Model: "TINY-Embed", Prompt: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		if len(old.Embedding) != 32 {
			t.Errorf("embeddings: a vector of %d", len(old.Embedding))
		}
	})
}

func TestOllamaLibraryListsEveryModelOnce(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		list, err := ollamaClient(t, f.url).List(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(names(list)))
		want := []string{"tiny-chain:latest", "tiny-embed:latest", "tiny-endless:latest", "tiny-random:latest", "tiny-tools:latest"}
		if !slices.Equal(got, want) {
			t.Errorf("the list is %v, not %v", got, want)
		}
		for _, m := range list.Models {
			if m.Size == 0 || len(m.Digest) != 64 || m.ModifiedAt.IsZero() || m.Details.Format != "gguf" {
				t.Errorf("%s is listed as %+v", m.Name, m)
			}
		}
	})
}

func TestOllamaLibrarySeesWhatIsLoadedAndUnloadsIt(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		generated(t, f, api.GenerateRequest{Model: "tiny-chain", Prompt: "hello"})
		generated(t, f, api.GenerateRequest{Model: "tiny-tools", Prompt: "hello"})
		soon(t, "both are listed as loaded", func() bool {
			return slices.Equal(loaded(t, f), []string{"tiny-chain:latest", "tiny-tools:latest"})
		})
		last := generated(t, f, api.GenerateRequest{Model: "tiny-chain", KeepAlive: &api.Duration{Duration: 0}})
		if last.DoneReason != "unload" {
			t.Errorf("unloading was answered with %+v", last)
		}
		soon(t, "only the other is", func() bool { return slices.Equal(loaded(t, f), []string{"tiny-tools:latest"}) })
	})
}

// loaded are the models that are listed as loaded, in order of their names.
func loaded(t *testing.T, f *fleet) []string {
	t.Helper()
	list, err := ollamaClient(t, f.url).ListRunning(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range list.Models {
		if m.ExpiresAt.After(time.Now()) {
			out = append(out, m.Name)
		}
	}
	slices.Sort(out)
	return out
}

func TestOllamaLibraryShowsAModel(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		got, err := ollamaClient(t, f.url).Show(limited(t), &api.ShowRequest{Model: "tiny-tools"})
		if err != nil {
			t.Fatal(err)
		}
		if got.Modelfile == "" || got.Details.Family != "llama" || len(got.ModelInfo) == 0 || !slices.Contains(got.Capabilities, "tools") {
			t.Errorf("show: %+v", got)
		}
	})
}

func TestOllamaLibrarySeesThatTheServerIsThere(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := ollamaClient(t, f.url)
		if err := c.Heartbeat(limited(t)); err != nil {
			t.Errorf("heartbeat: %v", err)
		}
		direct, err := ollamaClient(t, f.a.url).Version(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Version(limited(t)); err != nil || got != direct {
			t.Errorf("version %q, %v; the server says %q", got, err, direct)
		}
	})
}
