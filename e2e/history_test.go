package e2e

import (
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
)

// A conversation in which a tool was called and has answered.

func TestOllamaLibraryHandsInWhatAToolSaid(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		call := api.ToolCall{ID: "call_1", Function: api.ToolCallFunction{Name: toolName}}
		call.Function.Arguments.Set("city", "x")
		req := &api.ChatRequest{Model: "tiny-tools", Tools: ollamaTools(t), Messages: []api.Message{
			{Role: "user", Content: "hello"},
			{Role: "assistant", ToolCalls: []api.ToolCall{call}},
			{Role: "tool", Content: "sunny", ToolCallID: "call_1", ToolName: toolName},
		}}
		text := ""
		err := ollamaClient(t, f.url).Chat(limited(t), req, func(r api.ChatResponse) error {
			text += r.Message.Content
			return nil
		})
		if err != nil || text != chainText {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func TestOpenAILibraryHandsInWhatAToolSaid(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		params := openaiTools()
		params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{}
		function := openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: toolName, Arguments: toolArguments}
		call := openai.ChatCompletionMessageToolCallUnionParam{OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{ID: "call_1", Function: function}}
		params.Messages = append(params.Messages,
			openai.ChatCompletionMessageParamUnion{OfAssistant: &openai.ChatCompletionAssistantMessageParam{
				ToolCalls: []openai.ChatCompletionMessageToolCallUnionParam{call},
			}},
			openai.ToolMessage("sunny", "call_1"),
		)
		c := openaiClient(f.url)
		r, err := c.Chat.Completions.New(limited(t), params)
		if err != nil {
			t.Fatal(err)
		}
		if r.Choices[0].Message.Content != chainText {
			t.Errorf("the answer is %s", r.RawJSON())
		}
	})
}

func TestAnthropicLibraryHandsInWhatAToolSaid(t *testing.T) {
	onEachWay(t, func(t *testing.T, f *fleet, stream bool) {
		params := anthropicTools()
		params.Messages = append(params.Messages,
			anthropic.NewAssistantMessage(anthropic.NewToolUseBlock("toolu_1", map[string]any{"city": "x"}, toolName)),
			anthropic.NewUserMessage(anthropic.NewToolResultBlock("toolu_1", "sunny", false)),
		)
		c := anthropicClient(f.url)
		var got *anthropic.Message
		var err error
		if stream {
			got, err = accumulated(c.Messages.NewStreaming(limited(t), params))
		} else {
			got, err = c.Messages.New(limited(t), params)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got.StopReason != "end_turn" || len(got.Content) != 1 || got.Content[0].Text != chainText {
			t.Errorf("the answer is %+v", got)
		}
	})
}
