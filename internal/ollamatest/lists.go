package ollamatest

import (
	"net/http"
	"time"
)

// details are what lists say about a model. The last two are new in v0.30, and only in tags.
type details struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
	ContextLength     int      `json:"context_length,omitempty"`
	EmbeddingLength   int      `json:"embedding_length,omitempty"`
}

func (m *installed) details() details {
	d := details{Format: m.format, Family: m.Family, ParameterSize: m.Parameters, QuantizationLevel: m.Quantization}
	if m.Family != "" {
		d.Families = []string{m.Family}
	}
	return d
}

func (c *call) tags() {
	type entry struct {
		Name         string    `json:"name"`
		Model        string    `json:"model"`
		RemoteModel  string    `json:"remote_model,omitempty"`
		RemoteHost   string    `json:"remote_host,omitempty"`
		ModifiedAt   time.Time `json:"modified_at"`
		Size         int64     `json:"size"`
		Digest       string    `json:"digest"`
		Details      details   `json:"details"`
		Capabilities []string  `json:"capabilities,omitempty"`
	}
	list := []entry{}
	for _, m := range c.library.newestFirst() {
		name := m.name.display()
		e := entry{Name: name, Model: name, RemoteModel: m.RemoteModel, RemoteHost: m.RemoteHost, ModifiedAt: m.Modified, Size: m.Size, Digest: m.Digest, Details: m.details()}
		if c.newer {
			e.Capabilities = m.Capabilities
			if !m.remote() {
				e.Details.ContextLength, e.Details.EmbeddingLength = m.Context, m.Vector
			}
		}
		list = append(list, e)
	}
	c.json(http.StatusOK, struct {
		Models []entry `json:"models"`
	}{list})
}

func (c *call) ps() {
	type entry struct {
		Name          string    `json:"name"`
		Model         string    `json:"model"`
		Size          int64     `json:"size"`
		Digest        string    `json:"digest"`
		Details       details   `json:"details"`
		ExpiresAt     time.Time `json:"expires_at"`
		SizeVRAM      int64     `json:"size_vram"`
		ContextLength int       `json:"context_length"`
	}
	list := []entry{}
	for _, l := range c.memory.list() {
		m, name := l.model, l.model.name.display()
		list = append(list, entry{name, name, m.Loaded, m.Digest, m.details(), l.expires, l.onGPU, l.context})
	}
	c.json(http.StatusOK, struct {
		Models []entry `json:"models"`
	}{list})
}

type v1Entry struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (c *call) v1Models() {
	var list []v1Entry // null when there is none
	for _, m := range c.library.newestFirst() {
		list = append(list, v1Entry{m.name.display(), "model", m.Modified.Unix(), m.name.namespace})
	}
	c.answer(http.StatusOK, jsonBare, marshalLine(struct {
		Object string    `json:"object"`
		Data   []v1Entry `json:"data"`
	}{"list", list}))
}

// v1Model answers with the name as it was asked for.
func (c *call) v1Model() {
	if ref, err := parseReference(c.param); err == nil && ref.source == cloud {
		c.fail(http.StatusForbidden, cloudOff+remoteDetails)
		return
	}
	m, status, text := c.shown(c.param)
	if m == nil {
		c.refuse(&openaiCompletion{}, status, text)
		return
	}
	c.answer(http.StatusOK, jsonBare, marshalLine(v1Entry{c.param, "model", m.Modified.Unix(), parseName(c.param).namespace}))
}
