package ollamatest

import (
	"fmt"
	"net/http"
	"strings"
)

type completionEmbed struct {
	Input          any    `json:"input"`
	Model          string `json:"model"`
	Dimensions     int    `json:"dimensions,omitempty"`
	EncodingFormat string `json:"encoding_format,omitempty"`
}

func (c *call) v1Embeddings() {
	var req completionEmbed
	if !c.bindV1(&req) {
		return
	}
	if f := req.EncodingFormat; f != "" && !strings.EqualFold(f, "float") && !strings.EqualFold(f, "base64") {
		c.reject(fmt.Sprintf("Invalid value for 'encoding_format' = %s. Supported values: ['float', 'base64'].", f))
		return
	}
	if req.Input == "" {
		req.Input = []any{""}
	}
	if list, ok := req.Input.([]any); req.Input == nil || ok && len(list) == 0 {
		c.reject("invalid input")
		return
	}
	v := &openaiCompletion{}
	answer := c.embedded(v, &embedRequest{Model: req.Model, Input: req.Input, Dimensions: req.Dimensions})
	if answer != nil {
		c.answer(http.StatusOK, jsonBare, embeddingList(req, answer))
	}
}

func embeddingList(req completionEmbed, a *embedAnswer) []byte {
	type embedding struct {
		Object    string `json:"object"`
		Embedding any    `json:"embedding"`
		Index     int    `json:"index"`
	}
	type tokens struct {
		PromptTokens int `json:"prompt_tokens"`
		TotalTokens  int `json:"total_tokens"`
	}
	var list []embedding
	for i, v := range a.Embeddings {
		e := embedding{Object: "embedding", Embedding: v, Index: i}
		if strings.EqualFold(req.EncodingFormat, "base64") {
			e.Embedding = packed(v)
		}
		list = append(list, e)
	}
	return marshalLine(struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  tokens      `json:"usage"`
	}{"list", list, req.Model, tokens{a.PromptEvalCount, a.PromptEvalCount}})
}
