package ollamatest

import (
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

type createRequest struct {
	Model      string            `json:"model"`
	Stream     *bool             `json:"stream,omitempty"`
	Quantize   string            `json:"quantize,omitempty"`
	From       string            `json:"from,omitempty"`
	RemoteHost string            `json:"remote_host,omitempty"`
	Files      map[string]string `json:"files,omitempty"`
	Adapters   map[string]string `json:"adapters,omitempty"`
	Template   string            `json:"template,omitempty"`
	License    any               `json:"license,omitempty"`
	System     string            `json:"system,omitempty"`
	Parameters map[string]any    `json:"parameters,omitempty"`
	Messages   []message         `json:"messages,omitempty"`
	Name       string            `json:"name"`
}

func (c *call) create() {
	var req createRequest
	if !c.bind(&req) {
		return
	}
	if text := req.wrongFile(); text != "" {
		c.fail(http.StatusBadRequest, text)
		return
	}
	n := parseName(orDefault(req.Model, req.Name))
	if !n.valid() {
		c.fail(http.StatusBadRequest, badName)
		return
	}
	p := c.progress(req.Stream)
	defer p.end()
	if m := c.created(p, &req, c.library.spelled(n)); m != nil && p.say(progressRecord{Status: "writing manifest"}) {
		c.library.put(m)
		p.say(progressRecord{Status: "success"})
	}
}

func (r createRequest) wrongFile() string {
	for path, digest := range r.Files {
		if !fs.ValidPath(path) {
			return "file path must be relative"
		}
		if digest == "" {
			return errDigest.Error()
		}
	}
	for _, digest := range r.Adapters {
		if digest == "" {
			return errDigest.Error()
		}
	}
	return ""
}

// created makes the model, nil if it cannot be made; then p has said why.
func (c *call) created(p *progress, r *createRequest, n modelName) *installed {
	switch {
	case r.From != "":
		return c.createdFrom(p, r, n)
	case r.Files != nil:
		return c.createdOf(p, r, n)
	}
	p.fail(http.StatusBadRequest, "neither 'from' or 'files' was specified")
	return nil
}

func (c *call) createdFrom(p *progress, r *createRequest, n modelName) *installed {
	ref, err := parseReference(r.From)
	if err != nil {
		p.fail(http.StatusBadRequest, badName)
		return nil
	}
	host := r.RemoteHost
	if host == "" && ref.source == cloud {
		host = "https://ollama.com:443"
	}
	if host != "" {
		return newInstalled(Model{Name: n.String(), Size: 235, RemoteHost: host, RemoteModel: ref.base}, c.opts)
	}
	base := c.library.get(ref.name)
	if base == nil {
		base = c.pulled(p, ref.name)
		if base == nil || !p.say(progressRecord{Status: "success"}) {
			return nil
		}
	}
	if !p.say(progressRecord{Status: "using existing layer sha256:" + base.Weights}) {
		return nil
	}
	return r.finish(p, base.derived(n, nil))
}

func (c *call) createdOf(p *progress, r *createRequest, n modelName) *installed {
	weights := ""
	for _, path := range slices.Sorted(maps.Keys(r.Files)) {
		if !strings.HasSuffix(path, ".gguf") && !strings.HasSuffix(path, ".safetensors") {
			if hex, err := digits(r.Files[path]); err != nil {
				continue
			} else if b, ok := c.holds(hex); !ok || !b.gguf {
				continue
			}
		}
		weights = r.Files[path]
	}
	if weights == "" {
		p.fail(http.StatusBadRequest, "unknown type")
		return nil
	}
	if !p.say(progressRecord{Status: "parsing GGUF"}) {
		return nil
	}
	hex, err := digits(weights)
	if err != nil {
		p.fail(http.StatusInternalServerError, err.Error())
		return nil
	}
	b, ok := c.holds(hex)
	switch {
	case !ok:
		p.fail(http.StatusInternalServerError, "open /var/lib/ollama/models/blobs/sha256-"+hex+": no such file or directory")
		return nil
	case !b.gguf:
		p.fail(http.StatusBadRequest, "supplied file was not in GGUF format")
		return nil
	}
	m := newInstalled(Model{Name: n.String(), Size: b.size, Weights: hex, Modified: time.Now()}, c.opts)
	if old := c.library.holdsWeights(hex); old != nil {
		m = old.derived(n, nil)
		m.params, m.parent = map[string]any{}, ""
	}
	if !p.say(progressRecord{Status: "using existing layer sha256:" + hex}) {
		return nil
	}
	return r.finish(p, m)
}

// finish lays what the request says over the model, a layer for each.
func (r createRequest) finish(p *progress, m *installed) *installed {
	var layers []string
	if r.Template != "" {
		m.template = r.Template
		layers = append(layers, r.Template)
	}
	if r.System != "" {
		m.system = r.System
		layers = append(layers, r.System)
	}
	if len(r.Parameters) > 0 {
		maps.Copy(m.params, r.Parameters)
		params, _ := json.Marshal(m.params)
		layers = append(layers, string(params))
	}
	for _, l := range layers {
		m.Size += int64(len(l))
		if !p.say(progressRecord{Status: "creating new layer sha256:" + digestOf(l)}) || !p.c.wait(p.c.pace()) {
			return nil
		}
	}
	return m.sealed()
}
