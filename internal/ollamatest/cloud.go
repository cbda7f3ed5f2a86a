package ollamatest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// The server pretends to be one without ollama.com: OLLAMA_NO_CLOUD is set, and nothing out there
// answers.

func (c *call) status() {
	c.json(http.StatusOK, json.RawMessage(`{"cloud":{"disabled":true,"source":"env"}}`))
}

func (c *call) me() { c.fail(http.StatusServiceUnavailable, "account unavailable") }

func (c *call) signout() {
	c.fail(http.StatusInternalServerError, "there was an error signing out")
}

func (c *call) webSearch() { c.web("web search is unavailable") }
func (c *call) webFetch()  { c.web("web fetch is unavailable") }

func (c *call) web(unavailable string) {
	body, err := c.body()
	switch {
	case err != nil:
		c.fail(http.StatusBadRequest, err.Error())
	case len(bytes.TrimSpace(body)) == 0:
		c.fail(http.StatusBadRequest, "missing request body")
	default:
		c.fail(http.StatusForbidden, cloudOff+unavailable)
	}
}

func (c *call) recommendations() {
	type recommendation struct {
		Model           string `json:"model"`
		Description     string `json:"description"`
		ContextLength   int    `json:"context_length,omitempty"`
		MaxOutputTokens int    `json:"max_output_tokens,omitempty"`
		VRAMBytes       int64  `json:"vram_bytes,omitempty"`
	}
	c.json(http.StatusOK, struct {
		Recommendations []recommendation `json:"recommendations"`
	}{[]recommendation{
		{"kimi-k2.6:cloud", "State-of-the-art coding, long-horizon execution, and multimodal agent swarm capability", 262144, 262144, 0},
		{"glm-5.1:cloud", "Reasoning and code generation", 202752, 131072, 0},
		{"qwen3.5:cloud", "Reasoning, coding, and agentic tool use with vision", 262144, 32768, 0},
		{"minimax-m2.7:cloud", "Fast, efficient coding and real-world productivity", 204800, 128000, 0},
		{"gemma4", "Reasoning and code generation locally", 0, 0, 12_000_000_000},
		{"qwen3.5", "Reasoning, coding, and visual understanding locally", 0, 0, 14_000_000_000},
	}})
}
