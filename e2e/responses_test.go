package e2e

import (
	"context"
	"encoding/base64"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

func openaiResponse(ctx context.Context, to string, q question, heard func(model, text string)) error {
	c := openaiClient(to)
	params := responses.ResponseNewParams{Model: q.model, Input: responsesInput(q.image)}
	if q.stream {
		return drain(c.Responses.NewStreaming(ctx, params), func(r responses.ResponseStreamEventUnion) {
			text := ""
			if r.Type == "response.output_text.delta" {
				text = r.Delta
			}
			heard(r.Response.Model, text)
		})
	}
	r, err := c.Responses.New(ctx, params)
	if err == nil {
		heard(r.Model, r.OutputText())
	}
	return err
}

func responsesInput(image []byte) responses.ResponseNewParamsInputUnion {
	if image == nil {
		return responses.ResponseNewParamsInputUnion{OfString: openai.String("hello")}
	}
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString(image)
	picture := responses.ResponseInputImageParam{ImageURL: openai.String(url), Detail: "auto"}
	parts := responses.ResponseInputMessageContentListParam{
		responses.ResponseInputContentParamOfInputText("hello"), {OfInputImage: &picture},
	}
	return responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage(parts, "user"),
	}}
}

func TestResponsesStreamHasItsEventsInOrder(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url)
		var kinds []string
		var last responses.ResponseStreamEventUnion
		params := responses.ResponseNewParams{Model: "tiny-chain", Input: responsesInput(nil)}
		err := drain(c.Responses.NewStreaming(limited(t), params), func(r responses.ResponseStreamEventUnion) {
			if int(r.SequenceNumber) != len(kinds) {
				t.Errorf("event %d has the number %d", len(kinds), r.SequenceNumber)
			}
			kinds, last = append(kinds, r.Type), r
		})
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Concat(
			[]string{"response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"},
			slices.Repeat([]string{"response.output_text.delta"}, 15),
			[]string{"response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"},
		)
		if !slices.Equal(kinds, want) {
			t.Errorf("the events are %v", kinds)
		}
		if last.Response.OutputText() != chainText || last.Response.Usage.OutputTokens != 16 {
			t.Errorf("the last is %s", last.RawJSON())
		}
	})
}
