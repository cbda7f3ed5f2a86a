package ollamatest

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
)

// theirs are the names Ollama's request types have. encoding/json puts them into its errors, and
// clients see them.
var theirs = map[string]string{
	"generateRequest":   "api.GenerateRequest",
	"chatRequest":       "api.ChatRequest",
	"embedRequest":      "api.EmbedRequest",
	"embeddingRequest":  "api.EmbeddingRequest",
	"showRequest":       "api.ShowRequest",
	"copyRequest":       "api.CopyRequest",
	"deleteRequest":     "api.DeleteRequest",
	"createRequest":     "api.CreateRequest",
	"pullRequest":       "api.PullRequest",
	"pushRequest":       "api.PushRequest",
	"message":           "api.Message",
	"toolCall":          "api.ToolCall",
	"tool":              "api.Tool",
	"toolList":          "api.Tools",
	"toolFunction":      "api.ToolFunction",
	"toolSchema":        "api.ToolFunctionParameters",
	"imageData":         "api.ImageData",
	"completionChat":    "openai.ChatCompletionRequest",
	"completionRequest": "openai.CompletionRequest",
	"completionEmbed":   "openai.EmbedRequest",
	"completionMessage": "openai.Message",
	"completionTool":    "openai.ToolCall",
	"streamOptions":     "openai.StreamOptions",
	"responseFormat":    "openai.ResponseFormat",
	"imageRequest":      "openai.ImageGenerationRequest",
	"imageEdit":         "openai.ImageEditRequest",
	"responsesRequest":  "openai.ResponsesRequest",
	"responsesTool":     "openai.ResponsesTool",
	"messagesRequest":   "anthropic.MessagesRequest",
	"messageParam":      "anthropic.MessageParam",
	"contentBlock":      "anthropic.ContentBlock",
	"anthropicTool":     "anthropic.Tool",
}

var ownType = regexp.MustCompile(`ollamatest\.(\w+)`)

// inTheirWords gives a decoding error the text it has when Ollama's own types are decoded.
func inTheirWords(err error) error {
	e, ok := err.(*json.UnmarshalTypeError) // not errors.As: what wraps it has a text of its own
	if !ok {
		return err
	}
	into := "value"
	if e.Struct != "" || e.Field != "" {
		into = "struct field " + e.Struct + "." + e.Field
		if name, ok := theirs[e.Struct]; ok {
			into = "struct field " + name[strings.Index(name, ".")+1:] + "." + e.Field
		}
	}
	return errors.New("json: cannot unmarshal " + e.Value + " into Go " + into + " of type " + theirType(e.Type.String()))
}

func theirType(own string) string {
	return ownType.ReplaceAllStringFunc(own, func(s string) string {
		return orDefault(theirs[strings.TrimPrefix(s, "ollamatest.")], s)
	})
}
