package e2e

import (
	"slices"
	"testing"

	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
)

func TestAnEmbeddingNamesTheAlias(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		const other = "text-embedding-3-small"
		url := f.serve(t, "--alias", other+"=tiny-embed")
		got, err := ollamaClient(t, url).Embed(limited(t), &api.EmbedRequest{Model: other, Input: "hello"})
		if err != nil || got.Model != other || len(got.Embeddings) != 1 {
			t.Errorf("embed: %+v, %v", got, err)
		}
		if got, err := ollamaClient(t, url).Embeddings(limited(t), &api.EmbeddingRequest{Model: other, Prompt: "hello"}); err != nil || len(got.Embedding) != 32 {
			t.Errorf("embeddings: %+v, %v", got, err)
		}
		for _, format := range []openai.EmbeddingNewParamsEncodingFormat{"float", "base64"} {
			r, err := openaiEmbed(limited(t), url, other, format)
			if err != nil || r.Model != other || len(r.Data) != 1 {
				t.Errorf("%s: %+v, %v", format, r, err)
			}
		}
	})
}

func TestAnAliasIsShownLikeItsModel(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := ollamaClient(t, f.url)
		want, err := c.Show(limited(t), &api.ShowRequest{Model: "tiny-chain"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Show(limited(t), &api.ShowRequest{Model: alias})
		if err != nil {
			t.Fatal(err)
		}
		if got.Modelfile != want.Modelfile || !got.ModifiedAt.Equal(want.ModifiedAt) {
			t.Errorf("%s is shown as %+v", alias, got)
		}
	})
}

func TestAliasesAreListedOnlyWhereWanted(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		generated(t, f, api.GenerateRequest{Model: alias, Prompt: "hello"})
		for url, want := range map[string]bool{f.url: false, f.serve(t, "--list-aliases"): true} {
			c := ollamaClient(t, url)
			list, err := c.List(limited(t))
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(names(list), alias+":latest") != want {
				t.Errorf("listed %t: the list is %v", want, names(list))
			}
			if got := openaiLists(t, url); slices.Contains(got, alias+":latest") != want {
				t.Errorf("listed %t: OpenAI's list is %v", want, got)
			}
			soon(t, "the loaded model is listed", func() bool {
				ps, err := c.ListRunning(limited(t))
				return err == nil && slices.ContainsFunc(ps.Models, func(m api.ProcessModelResponse) bool { return m.Name == "tiny-chain:latest" }) &&
					slices.ContainsFunc(ps.Models, func(m api.ProcessModelResponse) bool { return m.Name == alias+":latest" }) == want
			})
		}
	})
}

func openaiLists(t *testing.T, url string) []string {
	t.Helper()
	c := openaiClient(url)
	page, err := c.Models.List(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range page.Data {
		out = append(out, m.ID)
	}
	return out
}
