package e2e

import (
	"context"
	"encoding/base64"
	"net/http"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	"github.com/anthropics/anthropic-sdk-go/packages/ssestream"
)

// anthropicClient is the client of Anthropic's library. It does not try again, so that every failure is seen.
func anthropicClient(to string) anthropic.Client {
	return anthropic.NewClient(
		option.WithoutEnvironmentDefaults(), option.WithBaseURL(to), option.WithAPIKey("any"), option.WithMaxRetries(0),
		option.WithHTTPClient(http.DefaultClient),
	)
}

var anthropicSpeakers = []speaker{{"anthropic messages", "/v1/messages", false, anthropicMessages}}

func anthropicMessages(ctx context.Context, to string, q question, heard func(model, text string)) error {
	c := anthropicClient(to)
	params := anthropicParams(q.model, anthropic.NewTextBlock("hello"))
	if q.image != nil {
		picture := anthropic.NewImageBlockBase64("image/png", base64.StdEncoding.EncodeToString(q.image))
		params = anthropicParams(q.model, anthropic.NewTextBlock("hello"), picture)
	}
	if q.stream {
		s := c.Messages.NewStreaming(ctx, params)
		defer s.Close()
		for s.Next() {
			heard(string(s.Current().Message.Model), s.Current().Delta.Text)
		}
		return s.Err()
	}
	r, err := c.Messages.New(ctx, params)
	if err == nil {
		heard(string(r.Model), r.Content[0].Text)
	}
	return err
}

// accumulated is the message that a stream adds up to.
func accumulated(s *ssestream.Stream[anthropic.MessageStreamEventUnion]) (*anthropic.Message, error) {
	defer s.Close()
	var whole anthropic.Message
	for s.Next() {
		if err := whole.Accumulate(s.Current()); err != nil {
			return nil, err
		}
	}
	return &whole, s.Err()
}

func anthropicParams(model string, blocks ...anthropic.ContentBlockParamUnion) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: anthropic.Model(model), MaxTokens: 8192, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(blocks...)},
	}
}

func TestAnthropicLibraryGetsTheFiguresOfAStream(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := anthropicClient(f.url)
		whole, err := accumulated(c.Messages.NewStreaming(limited(t), anthropicParams("tiny-chain", anthropic.NewTextBlock("hello"))))
		if err != nil {
			t.Fatal(err)
		}
		if whole.StopReason != "end_turn" || whole.Usage.OutputTokens != 16 || whole.Content[0].Text != chainText {
			t.Errorf("the message is %s", whole.RawJSON())
		}
	})
}
