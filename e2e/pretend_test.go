package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"gollamas/internal/ollamatest"
)

// startPretend starts an ollamatest server whose models are like the tiny ones.
func startPretend(t *testing.T, models []string) *server {
	t.Helper()
	return pretend(t, pretendOptions(t, models))
}

func startNewer(t *testing.T, models []string) *server {
	t.Helper()
	o := pretendOptions(t, models)
	o.Version = "0.33.0"
	return pretend(t, o)
}

func pretend(t *testing.T, o ollamatest.Options) *server {
	t.Helper()
	s, err := ollamatest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Fault(ollamatest.Fault{Kind: ollamatest.Slow, Model: "tiny-endless", Pace: time.Millisecond})
	return &server{url: s.URL(), stop: s.Stop, pretend: s}
}

func pretendOptions(t *testing.T, models []string) ollamatest.Options {
	unpack, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := ollamatest.Options{
		Version: "0.0.0", // as a binary built without a version says
		Zstd:    func(p []byte) ([]byte, error) { return unpack.DecodeAll(p, nil) },
	}
	for i, name := range models {
		m := pretendModels[name]
		m.Name = name
		m.Modified = time.Now().Add(time.Duration(i) * time.Second)
		m.Spill = m.Loaded
		// A tiny model knows few words but all letters, so it takes a letter for a token.
		m.Tokens = func(s string) int { return 2 + len(s) }
		o.Models = append(o.Models, m)
	}
	return o
}

// pretendModels are the tiny models as real servers tell of them.
var pretendModels = map[string]ollamatest.Model{
	"tiny-chain":   {Size: 83200, Loaded: 571072, Parameters: "36K", Quantization: "F16", Words: chainWords, Weights: chainWeights},
	"tiny-random":  {Size: 158880, Loaded: 603200, Parameters: "68K", Quantization: "F16"},
	"tiny-endless": {Size: 158880, Loaded: 603200, Parameters: "68K", Quantization: "F16", Words: slices.Repeat([]string{" word"}, 25_000)},
	"tiny-embed":   {Size: 114270, Loaded: 4649600, Parameters: "36K", Quantization: "F16", Family: "bert", Context: 512, Capabilities: []string{"embedding"}},
	"tiny-tools":   {Size: 83503, Loaded: 571072, Parameters: "36K", Quantization: "F16", Words: chainWords, Weights: chainWeights, Capabilities: []string{"completion", "tools"}},
}

// chainWeights is the digest of tiny-chain's weights. tiny-tools has the same, so the two share a runner.
const chainWeights = "1032bb3cced129c7620d195fcf97d5d08b3fba26ce99c6a01ff59998d3f9d749"

// chainWords are the tokens of chainText, each with the space before it.
var chainWords = func() []string {
	words := strings.Fields(chainText)
	for i := range words {
		words[i] = " " + words[i]
	}
	return words
}()
