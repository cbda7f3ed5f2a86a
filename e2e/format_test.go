package e2e

import (
	"encoding/json"
	"testing"

	"github.com/ollama/ollama/api"
)

func TestAnAnswerKeepsToTheFormatAskedFor(t *testing.T) {
	onEachWay(t, func(t *testing.T, f *fleet, stream bool) {
		format, err := json.Marshal(callSchema)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		req := &api.ChatRequest{Model: "tiny-chain", Stream: &stream, Format: format, Messages: []api.Message{{Role: "user", Content: "hello"}}}
		err = ollamaClient(t, f.url).Chat(limited(t), req, func(r api.ChatResponse) error {
			text += r.Message.Content
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Name       string
			Parameters struct{ City string }
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Name != toolName || got.Parameters.City != "x" {
			t.Errorf("heard %q: %v", text, err)
		}
	})
}
