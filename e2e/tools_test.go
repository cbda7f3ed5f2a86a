package e2e

import (
	"encoding/json"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/ollama/ollama/api"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// The tool that is offered, and the call that must come: a tiny model makes one only where a
// format leaves it no other words. The value is what ollamatest fills in.
const (
	toolName      = "weather"
	toolArguments = `{"city":"x"}`
)

var (
	toolSchema = map[string]any{
		"type": "object", "required": []string{"city"}, "properties": map[string]any{"city": map[string]any{"type": "string"}},
	}
	callSchema = map[string]any{
		"type": "object", "required": []string{"name", "parameters"},
		"properties": map[string]any{
			"name": map[string]any{"type": "string", "enum": []string{toolName}},
			"parameters": map[string]any{
				"type": "object", "required": []string{"city"},
				"properties": map[string]any{"city": map[string]any{"type": "string", "enum": []string{"x"}}},
			},
		},
	}
)

// onEachWay runs a test with an answer in one piece and with a stream.
func onEachWay(t *testing.T, test func(t *testing.T, f *fleet, stream bool)) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		t.Run("whole", func(t *testing.T) { test(t, f, false) })
		t.Run("stream", func(t *testing.T) { test(t, f, true) })
	})
}

func TestOllamaLibraryGetsAToolCall(t *testing.T) {
	onEachWay(t, func(t *testing.T, f *fleet, stream bool) {
		format, err := json.Marshal(callSchema)
		if err != nil {
			t.Fatal(err)
		}
		req := &api.ChatRequest{
			Model: "tiny-tools", Stream: &stream, Format: format, Tools: ollamaTools(t),
			Messages: []api.Message{{Role: "user", Content: "hello"}},
		}
		var calls []api.ToolCall
		err = ollamaClient(t, f.url).Chat(limited(t), req, func(r api.ChatResponse) error {
			calls = append(calls, r.Message.ToolCalls...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(calls) != 1 || calls[0].Function.Name != toolName || calls[0].Function.Arguments.String() != toolArguments || calls[0].ID == "" {
			t.Errorf("the calls are %+v", calls)
		}
	})
}

func ollamaTools(t *testing.T) api.Tools {
	t.Helper()
	raw, err := json.Marshal([]any{map[string]any{"type": "function", "function": map[string]any{"name": toolName, "parameters": toolSchema}}})
	if err != nil {
		t.Fatal(err)
	}
	var tools api.Tools
	if err := json.Unmarshal(raw, &tools); err != nil {
		t.Fatal(err)
	}
	return tools
}

func openaiTools() openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "tiny-tools", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hello")},
		Tools: []openai.ChatCompletionToolUnionParam{
			openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: toolName, Parameters: toolSchema}),
		},
		ResponseFormat: openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "call", Schema: callSchema},
		}},
	}
}

func TestOpenAILibraryGetsAToolCall(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url)
		r, err := c.Chat.Completions.New(limited(t), openaiTools())
		if err != nil {
			t.Fatal(err)
		}
		calls := r.Choices[0].Message.ToolCalls
		if len(calls) != 1 || calls[0].Function.Name != toolName || calls[0].Function.Arguments != toolArguments || r.Choices[0].FinishReason != "tool_calls" {
			t.Errorf("the answer is %s", r.RawJSON())
		}
	})
}

func TestOpenAILibraryGetsAToolCallInAStream(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		c := openaiClient(f.url)
		var whole openai.ChatCompletionAccumulator
		err := drain(c.Chat.Completions.NewStreaming(limited(t), openaiTools()), func(r openai.ChatCompletionChunk) { whole.AddChunk(r) })
		if err != nil {
			t.Fatal(err)
		}
		calls := whole.Choices[0].Message.ToolCalls
		if len(calls) != 1 || calls[0].Function.Name != toolName || calls[0].Function.Arguments != toolArguments || whole.Choices[0].FinishReason != "tool_calls" {
			t.Errorf("the choices are %+v", whole.Choices)
		}
	})
}

func TestResponsesLibraryGetsAToolCall(t *testing.T) {
	onEachWay(t, func(t *testing.T, f *fleet, stream bool) {
		c := openaiClient(f.url)
		params := responses.ResponseNewParams{
			Model: "tiny-tools", Input: responsesInput(nil),
			Tools: []responses.ToolUnionParam{responses.ToolParamOfFunction(toolName, toolSchema, false)},
			Text:  responses.ResponseTextConfigParam{Format: responses.ResponseFormatTextConfigParamOfJSONSchema("call", callSchema)},
		}
		var got *responses.Response
		var err error
		if stream {
			err = drain(c.Responses.NewStreaming(limited(t), params), func(r responses.ResponseStreamEventUnion) { got = &r.Response })
		} else {
			got, err = c.Responses.New(limited(t), params)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Output) != 1 || got.Output[0].Name != toolName || got.Output[0].Arguments.OfString != toolArguments {
			t.Errorf("the answer is %s", got.RawJSON())
		}
	})
}

func TestAnthropicLibraryGetsAToolCall(t *testing.T) {
	onEachKind(t, func(t *testing.T, k kind) {
		if k.name == real.name {
			t.Skip("a tiny model calls a tool only where a format makes it, and /v1/messages has none")
		}
		f := newFleet(t, k)
		c := anthropicClient(f.url)
		whole, err := c.Messages.New(limited(t), anthropicTools())
		calledTool(t, whole, err)
		whole, err = accumulated(c.Messages.NewStreaming(limited(t), anthropicTools()))
		calledTool(t, whole, err)
	})
}

func calledTool(t *testing.T, m *anthropic.Message, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if m.StopReason != "tool_use" || len(m.Content) != 1 || m.Content[0].Name != toolName || string(m.Content[0].Input) != toolArguments {
		t.Errorf("the answer is %+v", m)
	}
}

func anthropicTools() anthropic.MessageNewParams {
	params := anthropicParams("tiny-tools", anthropic.NewTextBlock("hello"))
	schema := anthropic.ToolInputSchemaParam{Properties: toolSchema["properties"], Required: []string{"city"}}
	params.Tools = []anthropic.ToolUnionParam{anthropic.ToolUnionParamOfTool(schema, toolName)}
	return params
}
