package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	openaioption "github.com/openai/openai-go/v3/option"
)

// The keys of these tests: one for every model, once a minute; one for another model.
const (
	oneKey   = "gk-one-request-a-minute"
	otherKey = "gk-for-another-model"
)

func (f *fleet) withKeys(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.yaml")
	text := "- {name: one, key: " + oneKey + ", requests_per_minute: 1}\n- {name: other, key: " + otherKey + ", models: [tiny-embed]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f.serve(t, "--keys-file", path)
}

// TestClientLibrariesUnderstandWhatAKeyMayNot: a wrong key, a hidden model and a limit are the errors that each library has for them.
func TestClientLibrariesUnderstandWhatAKeyMayNot(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		url := f.withKeys(t)
		for _, c := range []struct {
			key  string
			want []int // of one request after the other
		}{
			{"gk-of-nobody", []int{401, 401}}, {otherKey, []int{404, 404}}, {oneKey, []int{200, 429}},
		} {
			for i, want := range c.want {
				if c.key == oneKey { // each library has its own minute
					url = map[bool]string{true: f.withKeys(t), false: url}[i == 0]
				}
				if got := openaiStatus(t, url, c.key); got != want {
					t.Errorf("openai with %s: %d, want %d", c.key, got, want)
				}
			}
			for i, want := range c.want {
				if c.key == oneKey {
					url = map[bool]string{true: f.withKeys(t), false: url}[i == 0]
				}
				if got := anthropicStatus(t, url, c.key); got != want {
					t.Errorf("anthropic with %s: %d, want %d", c.key, got, want)
				}
			}
		}
		if err := ollamaClient(t, url).Generate(limited(t), &api.GenerateRequest{Model: "tiny-chain", Prompt: "hello"}, func(api.GenerateResponse) error { return nil }); !refusedFor(err, http.StatusUnauthorized) {
			t.Errorf("Ollama's own library, which sends no key: %v", err)
		}
	})
}

func openaiStatus(t *testing.T, url, key string) int {
	c := openaiClient(url, openaioption.WithAPIKey(key))
	_, err := c.Chat.Completions.New(limited(t), openai.ChatCompletionNewParams{Model: "tiny-chain", Messages: []openai.ChatCompletionMessageParamUnion{openaiMessage(nil)}})
	var refused *openai.Error
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	if err != nil {
		t.Error(err)
	}
	return 200
}

func anthropicStatus(t *testing.T, url, key string) int {
	c := anthropic.NewClient(anthropicoption.WithoutEnvironmentDefaults(), anthropicoption.WithBaseURL(url), anthropicoption.WithAPIKey(key),
		anthropicoption.WithMaxRetries(0), anthropicoption.WithHTTPClient(http.DefaultClient))
	_, err := c.Messages.New(limited(t), anthropicParams("tiny-chain", anthropic.NewTextBlock("hello")))
	var refused *anthropic.Error
	if errors.As(err, &refused) {
		return refused.StatusCode
	}
	if err != nil {
		t.Error(err)
	}
	return 200
}

// refusedFor says whether Ollama's library was refused with a status.
func refusedFor(err error, status int) bool {
	var refused api.AuthorizationError
	return errors.As(err, &refused) && refused.StatusCode == status
}
