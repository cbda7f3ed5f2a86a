package ollamatest

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

type embedRequest struct {
	Model      string         `json:"model"`
	Input      any            `json:"input"`
	KeepAlive  *keepAlive     `json:"keep_alive,omitempty"`
	Truncate   *bool          `json:"truncate,omitempty"`
	Dimensions int            `json:"dimensions,omitempty"`
	Options    map[string]any `json:"options"`
}

type embeddingRequest struct {
	Model     string         `json:"model"`
	Prompt    string         `json:"prompt"`
	KeepAlive *keepAlive     `json:"keep_alive,omitempty"`
	Options   map[string]any `json:"options"`
}

type embedAnswer struct {
	Model           string        `json:"model"`
	Embeddings      [][]float32   `json:"embeddings"`
	TotalDuration   time.Duration `json:"total_duration,omitempty"`
	LoadDuration    time.Duration `json:"load_duration,omitempty"`
	PromptEvalCount int           `json:"prompt_eval_count,omitempty"`
}

func (c *call) embed() {
	var req embedRequest
	if !c.bind(&req) {
		return
	}
	if answer := c.embedded(nativeGenerate{}, &req); answer != nil {
		c.json(http.StatusOK, answer)
	}
}

// embedded is the answer to a request in some dialect, nil if it was refused.
func (c *call) embedded(v voice, req *embedRequest) *embedAnswer {
	ref, err := parseReference(req.Model)
	switch {
	case errors.Is(err, errBothSources):
		c.refuse(v, http.StatusBadRequest, err.Error())
		return nil
	case errors.Is(err, errUnqualified):
		c.refuse(v, http.StatusBadRequest, badName)
		return nil
	case err != nil:
		c.refuse(v, http.StatusNotFound, notFound(req.Model))
		return nil
	case ref.source == cloud:
		c.refuse(v, http.StatusForbidden, cloudOff+remoteModel)
		return nil
	}
	input, ok := texts(req.Input)
	if !ok {
		c.refuse(v, http.StatusBadRequest, "invalid input type")
		return nil
	}
	return c.vectors(v, c.library.find(ref.name), req, input)
}

// texts are the inputs: a string, or a list of strings.
func texts(input any) (list []string, ok bool) {
	switch input := input.(type) {
	case nil:
		return nil, true
	case string:
		if input != "" {
			list = []string{input}
		}
		return list, true
	case []any:
		for _, v := range input {
			s, ok := v.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	}
	return nil, false
}

func (c *call) vectors(v voice, m *installed, req *embedRequest, input []string) *embedAnswer {
	if m == nil {
		c.refuse(v, http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", req.Model))
		return nil
	}
	r, ok := c.embedder(v, m, req.Model, req.Options, req.KeepAlive)
	if !ok {
		return nil
	}
	defer c.memory.release(r)
	answer := &embedAnswer{Model: req.Model, Embeddings: [][]float32{}}
	loaded := time.Now()
	for _, text := range input {
		free, ok := r.slot(c.ctx)
		if !ok {
			return nil
		}
		alive := c.wait(c.pace())
		free()
		tokens := m.Tokens(text)
		switch {
		case !alive:
			return nil
		case tokens > r.context && req.Truncate != nil && !*req.Truncate:
			c.refuse(v, http.StatusBadRequest, "the input length exceeds the context length")
			return nil
		}
		answer.PromptEvalCount += min(tokens, r.context)
		answer.Embeddings = append(answer.Embeddings, shortened(vector(text, m.Vector), req.Dimensions))
	}
	if len(input) > 0 {
		answer.LoadDuration = max(loaded.Sub(c.begun), 1)
		answer.TotalDuration = max(time.Since(c.begun), 1)
	}
	return answer
}

// embedder gets the model loaded. Any model embeds: Ollama asks for no capability here.
func (c *call) embedder(v voice, m *installed, name string, opts map[string]any, keep *keepAlive) (*runner, bool) {
	c.struck = append(c.struck, c.faults.take(onAnswer, c.r.URL.Path, c.model)...)
	r, err := c.schedule(m, opts, keep, false)
	if err != nil {
		status, text := scheduleError(name, err)
		c.refuse(v, status, text)
		return nil, false
	}
	if f := c.fault(ErrorRecord, DieRunning); f != nil {
		if f.Kind == DieRunning {
			c.memory.died(r)
		}
		c.memory.release(r)
		c.refuse(v, http.StatusInternalServerError, beforeFirst(f))
		return nil, false
	}
	return r, true
}

func (c *call) embeddings() {
	var req embeddingRequest
	if !c.bind(&req) {
		return
	}
	v := nativeGenerate{}
	ref, err := parseReference(req.Model)
	switch {
	case errors.Is(err, errUnqualified):
		c.fail(http.StatusBadRequest, badName)
		return
	case err != nil:
		c.fail(http.StatusBadRequest, err.Error())
		return
	case ref.source == cloud:
		c.fail(http.StatusForbidden, cloudOff+remoteModel)
		return
	}
	m := c.library.get(ref.name) // the one route that minds the case of a name
	if m == nil {
		c.fail(http.StatusNotFound, fmt.Sprintf("model %q not found, try pulling it first", req.Model))
		return
	}
	r, ok := c.embedder(v, m, req.Model, req.Options, req.KeepAlive)
	if !ok {
		return
	}
	defer c.memory.release(r)
	answer := struct {
		Embedding []float64 `json:"embedding"`
	}{[]float64{}}
	if req.Prompt != "" {
		free, ok := r.slot(c.ctx)
		if !ok {
			return
		}
		defer free()
		if !c.wait(c.pace()) {
			return
		}
		for _, x := range vector(req.Prompt, m.Vector) {
			answer.Embedding = append(answer.Embedding, float64(x))
		}
	}
	c.json(http.StatusOK, answer)
}
