package e2e

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"
)

// openaiClient is the client of OpenAI's library. It does not try again, so that every failure is seen.
func openaiClient(to string, more ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{
		option.WithBaseURL(to + "/v1/"), option.WithAPIKey("any"), option.WithMaxRetries(0),
		option.WithHTTPClient(http.DefaultClient), // the library's own would keep connections of its own for each client
	}, more...)...)
}

var openaiSpeakers = []speaker{
	{"openai chat", "/v1/chat/completions", false, openaiChat},
	{"openai completions", "/v1/completions", false, openaiCompletion},
	{"openai responses", "/v1/responses", false, openaiResponse},
}

func openaiChat(ctx context.Context, to string, q question, heard func(model, text string)) error {
	c := openaiClient(to)
	params := openai.ChatCompletionNewParams{Model: q.model, Messages: []openai.ChatCompletionMessageParamUnion{openaiMessage(q.image)}}
	if q.stream {
		return drain(c.Chat.Completions.NewStreaming(ctx, params), func(r openai.ChatCompletionChunk) {
			heard(r.Model, chunkText(r))
		})
	}
	r, err := c.Chat.Completions.New(ctx, params)
	if err == nil {
		heard(r.Model, r.Choices[0].Message.Content)
	}
	return err
}

func openaiMessage(image []byte) openai.ChatCompletionMessageParamUnion {
	if image == nil {
		return openai.UserMessage("hello")
	}
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(image)
	return openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("hello"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: url}),
	})
}

func chunkText(r openai.ChatCompletionChunk) string {
	if len(r.Choices) == 0 {
		return ""
	}
	return r.Choices[0].Delta.Content
}

func openaiCompletion(ctx context.Context, to string, q question, heard func(model, text string)) error {
	c := openaiClient(to)
	params := openai.CompletionNewParams{
		Model: openai.CompletionNewParamsModel(q.model), Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("hello")},
	}
	if q.stream {
		return drain(c.Completions.NewStreaming(ctx, params), func(r openai.Completion) { heard(r.Model, r.Choices[0].Text) })
	}
	r, err := c.Completions.New(ctx, params)
	if err == nil {
		heard(r.Model, r.Choices[0].Text)
	}
	return err
}

// drain reads a stream to its end.
func drain[T any](s *ssestream.Stream[T], each func(T)) error {
	defer s.Close()
	for s.Next() {
		each(s.Current())
	}
	return s.Err()
}

func TestOpenAILibraryGetsTheFiguresOfAStream(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url)
		var whole openai.ChatCompletionAccumulator
		err := drain(c.Chat.Completions.NewStreaming(limited(t), openai.ChatCompletionNewParams{
			Model: "tiny-chain", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello")},
			StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
		}), func(r openai.ChatCompletionChunk) {
			if !whole.AddChunk(r) {
				t.Errorf("a chunk does not fit those before: %s", r.RawJSON())
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if whole.Usage.PromptTokens != 7 || whole.Usage.CompletionTokens != 16 || whole.Choices[0].FinishReason != "stop" {
			t.Errorf("usage %+v, finish reason %q", whole.Usage, whole.Choices[0].FinishReason)
		}
	})
}

func TestOpenAILibraryEmbedsInFloatsAndBase64(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		var vectors [2][]float64
		for i, format := range []openai.EmbeddingNewParamsEncodingFormat{"float", "base64"} {
			r, err := openaiEmbed(limited(t), f.url, "tiny-embed", format)
			if err != nil {
				t.Fatal(err)
			}
			if r.Model != "tiny-embed" || len(r.Data) != 1 {
				t.Fatalf("%s: model %q, %d vectors", format, r.Model, len(r.Data))
			}
			for _, v := range r.Data[0].Embedding {
				vectors[i] = append(vectors[i], float64(float32(v)))
			}
		}
		if len(vectors[0]) != 32 || !slices.Equal(vectors[0], vectors[1]) {
			t.Errorf("floats %v, base64 %v", vectors[0], vectors[1])
		}
	})
}

func openaiEmbed(ctx context.Context, to, model string, format openai.EmbeddingNewParamsEncodingFormat) (*openai.CreateEmbeddingResponse, error) {
	c := openaiClient(to)
	return c.Embeddings.New(ctx, openai.EmbeddingNewParams{
		Model: model, Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("hello")}, EncodingFormat: format,
	})
}

func TestOpenAILibraryListsEveryModelOnce(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url)
		page, err := c.Models.List(limited(t))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range page.Data {
			got = append(got, m.ID)
			if m.Created == 0 || m.OwnedBy != "library" {
				t.Errorf("%s is listed as %s", m.ID, m.RawJSON())
			}
		}
		slices.Sort(got)
		want := []string{"tiny-chain:latest", "tiny-embed:latest", "tiny-endless:latest", "tiny-random:latest", "tiny-tools:latest"}
		if !slices.Equal(got, want) {
			t.Errorf("the list is %v, not %v", got, want)
		}
	})
}

func TestOpenAILibraryGetsAModelByAnyOfItsNames(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url)
		for _, name := range []string{"tiny-chain", "tiny-chain:latest", "TINY-chain", alias} {
			m, err := c.Models.Get(limited(t), name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if m.ID != name || m.Created == 0 {
				t.Errorf("%s is %s", name, m.RawJSON())
			}
		}
	})
}
