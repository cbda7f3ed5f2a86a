package ollamatest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Model is one installed model. Only the name is needed.
type Model struct {
	Name         string   // "tiny-chain", the tag optional
	Size         int64    // bytes on disk, default 1 MB
	Family       string   // default "llama"
	Parameters   string   // default "1B"
	Quantization string   // default "Q4_K_M"
	Capabilities []string // completion, tools, thinking, vision, embedding, insert; default completion
	Context      int      // the context it was trained for, default 32768
	Vector       int      // the length of its embeddings, default 32

	Digest  string // 64 hex digits, default derived from Name; two names may share one (a copy)
	Weights string // the digest of its weights, default derived from Digest; runners are keyed by it

	RemoteHost, RemoteModel string // a stub that stands for a model elsewhere

	Loaded int64         // bytes it takes when loaded, default Size
	Spill  int64         // how many of those are not on the GPU; more if Memory is short
	Load   time.Duration // how long a load takes, default Options.Load; below zero = none
	NumCtx int           // PARAMETER num_ctx of its Modelfile, 0 = none

	Words    []string // the tokens it answers with, default 15 words from " the" to " sun"
	Modified time.Time

	// Tokens counts the tokens of a prompt, default 2 + the words in it.
	Tokens func(string) int
}

var words = []string{" the", " quick", " brown", " fox", " jumps", " over", " lazy", " dog", " and", " then", " it", " sleeps", " in", " warm", " sun"}

// installed is a model on disk. It never changes: a runner keeps the one it was loaded with.
type installed struct {
	Model
	name     modelName
	format   string
	params   map[string]any
	parent   string // the model it was created from
	system   string
	template string
}

func newInstalled(m Model, o Options) *installed {
	n := parseName(m.Name)
	m.Size = orDefault(m.Size, 1_000_000)
	m.Context = orDefault(m.Context, 32768)
	m.Vector = orDefault(m.Vector, 32)
	m.Digest = cmp.Or(m.Digest, digestOf("model", n.String()))
	m.Weights = cmp.Or(m.Weights, digestOf("weights", m.Digest))
	m.Load = orDefault(m.Load, o.Load)
	if m.Modified.IsZero() {
		m.Modified = time.Now()
	}
	in := &installed{name: n, params: map[string]any{}, template: "{{ .Prompt }}"}
	if m.NumCtx > 0 {
		in.params["num_ctx"] = float64(m.NumCtx)
	}
	if m.RemoteHost == "" {
		in.format = "gguf"
		m.Family = cmp.Or(m.Family, "llama")
		m.Parameters = cmp.Or(m.Parameters, "1B")
		m.Quantization = cmp.Or(m.Quantization, "Q4_K_M")
		if m.Capabilities == nil {
			m.Capabilities = []string{"completion"}
		}
	}
	if m.Words == nil {
		m.Words = words
	}
	if m.Tokens == nil {
		m.Tokens = func(s string) int { return 2 + len(strings.Fields(s)) }
	}
	m.Loaded = orDefault(m.Loaded, m.Size)
	in.Model = m
	return in
}

func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

func (m *installed) can(capability string) bool { return slices.Contains(m.Capabilities, capability) }

func (m *installed) remote() bool { return m.RemoteHost != "" && m.RemoteModel != "" }

// derived is a new model with the same weights, and parameters laid over its own.
func (m *installed) derived(n modelName, params map[string]any) *installed {
	d := *m
	d.name = n
	d.params = maps.Clone(m.params)
	maps.Copy(d.params, params)
	d.parent = m.name.display()
	d.Modified = time.Now()
	return &d
}

// sealed gives a derived model the digest that follows from what it is made of.
func (m *installed) sealed() *installed {
	m.Digest = digestOf(m.Weights, m.system, m.template, m.parameters())
	return m
}

// parameters are the model's own, as /api/show lists them.
func (m *installed) parameters() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m.params)) {
		for _, v := range each(m.params[k]) {
			b.WriteString(k + strings.Repeat(" ", max(30-len(k), 0)) + " " + goSyntax(v) + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func each(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func goSyntax(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return "<nil>"
}
