package e2e

import (
	"errors"
	"net/http"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
)

// unknown is a model nobody has.
const unknown = "no-such-model"

const notFound = "model '" + unknown + "' not found"

func TestEveryLibraryIsToldOfAnUnknownModel(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			for _, stream := range []bool{false, true} {
				_, err := s.ask(limited(t), f.url, question{model: unknown, stream: stream})
				saysMissing(t, err, notFound)
			}
		})
	})
}

// saysMissing checks an error as each library has it: 404, its type, and Ollama's own text.
func saysMissing(t *testing.T, err error, text string) {
	t.Helper()
	var o *openai.Error
	var a *anthropic.Error
	if errors.As(err, &o) && o.Type != "not_found_error" {
		t.Errorf("the error's type is %q", o.Type)
	}
	if errors.As(err, &a) && a.Type() != "not_found_error" {
		t.Errorf("the error's type is %q", a.Type())
	}
	if code, got := told(err); code != http.StatusNotFound || got != text {
		t.Errorf("status %d, %q: %v", code, got, err)
	}
}

func TestAnUnknownModelIsMissingInEveryOtherCallToo(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		const pull = `model "` + unknown + `" not found, try pulling it first`
		c, o := ollamaClient(t, f.url), openaiClient(f.url)
		_, err := c.Show(limited(t), &api.ShowRequest{Model: unknown})
		saysMissing(t, err, f.says(t))
		_, err = c.Embed(limited(t), &api.EmbedRequest{Model: unknown, Input: "hello"})
		saysMissing(t, err, pull)
		_, err = c.Embeddings(limited(t), &api.EmbeddingRequest{Model: unknown, Prompt: "hello"})
		saysMissing(t, err, pull)
		_, err = openaiEmbed(limited(t), f.url, unknown, "float")
		saysMissing(t, err, pull)
		_, err = o.Models.Get(limited(t), unknown)
		saysMissing(t, err, f.says(t))
	})
}

// says is what the servers themselves say where they are to show an unknown model: since v0.30 with its tag.
func (f *fleet) says(t *testing.T) string {
	t.Helper()
	_, err := ollamaClient(t, f.a.url).Show(limited(t), &api.ShowRequest{Model: unknown})
	_, text := told(err)
	return text
}

func TestAModelThatCannotTalkSaysSo(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			_, err := s.ask(limited(t), f.url, question{model: "tiny-embed"})
			if code, _ := told(err); code != http.StatusBadRequest {
				t.Errorf("the library says %v", err)
			}
		})
	})
}
