package e2e

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ollama/ollama/api"
)

func TestManyClientsAtOnceAllGetTheirOwnAnswer(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		var all sync.WaitGroup
		ctx := limited(t)
		for range 10 {
			for _, s := range speakers {
				for _, model := range []string{"tiny-chain", alias, "tiny-tools"} {
					all.Go(func() {
						a, err := s.ask(ctx, f.url, question{model: model, stream: true})
						if err != nil || a.text != chainText || a.models[0] != model {
							t.Errorf("%s of %s: heard %+v, %v", s.name, model, a, err)
						}
					})
				}
			}
		}
		all.Wait()
	})
}

func TestARecordOfManyKilobytesPassesWhole(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		const other, count = "text-embedding-3-small", 500
		url := f.serve(t, "--alias", other+"=tiny-embed")
		var words []string
		for i := range count {
			words = append(words, fmt.Sprint("word ", i))
		}
		got, err := ollamaClient(t, url).Embed(limited(t), &api.EmbedRequest{Model: other, Input: words})
		if err != nil {
			t.Fatal(err)
		}
		if got.Model != other || len(got.Embeddings) != count {
			t.Errorf("model %q, %d vectors", got.Model, len(got.Embeddings))
		}
	})
}
