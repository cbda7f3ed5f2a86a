package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The rest of this module means something without real servers only as far as this holds.
func TestThePretendServerAnswersAsTheRealOne(t *testing.T) {
	t.Parallel()
	models := []string{"tiny-chain", "tiny-embed", "tiny-tools"}
	genuine, fake := startReal(t, models), startPretend(t, models)
	warm(t, genuine, models)
	warm(t, fake, models)
	for _, q := range asks {
		want, got := raw(t, genuine.url, q).masked().weightless(q), raw(t, fake.url, q).masked().weightless(q)
		if diff := want.differs(got); diff != "" {
			t.Errorf("%s\n%s", q, diff)
		}
	}
	t.Logf("%d requests compared", len(asks))
}

// ofWeights is what follows from a model's weights, which a pretend server has not got.
var ofWeights = []*regexp.Regexp{
	regexp.MustCompile(`"digest":"[0-9a-f]{64}"`),
	regexp.MustCompile(`"context":\[[0-9,]+\]`),
	regexp.MustCompile(`"embeddings?":(\[[-0-9.e,\[\]]+\]|"[A-Za-z0-9+/=]+")`),
}

// ofTokenizer are the figures that a model counts in tokens of its own: of an embedding it takes
// a word it knows for one, and of a tool every letter of its template.
var ofTokenizer = regexp.MustCompile(`"((?:prompt_)?eval_count|[a-z]+_tokens)":\d+`)

// weightless masks what only a model with weights can know. Of a model that is shown, what a
// client decides by remains.
func (a rawAnswer) weightless(q ask) rawAnswer {
	for i, r := range a.records {
		for _, mask := range ofWeights {
			r = mask.ReplaceAllString(r, `"<weights>"`)
		}
		if strings.Contains(q.path, "/embed") || strings.Contains(q.body, `"tools"`) {
			r = ofTokenizer.ReplaceAllString(r, `"$1":<n>`)
		}
		if q.path == "/api/show" && a.status == http.StatusOK {
			r = shown(r)
		}
		a.records[i] = r
	}
	return a
}

func shown(record string) string {
	var m struct {
		Details struct {
			Format, Family    string
			Families          []string
			ParameterSize     string `json:"parameter_size"`
			QuantizationLevel string `json:"quantization_level"`
		}
		ModelInfo struct {
			Architecture string `json:"general.architecture"`
			Context      int    `json:"llama.context_length"`
			Vector       int    `json:"llama.embedding_length"`
		} `json:"model_info"`
		Capabilities []string
	}
	if err := json.Unmarshal([]byte(record), &m); err != nil {
		return record
	}
	return toText(m)
}
