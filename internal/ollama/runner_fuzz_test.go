package ollama

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"testing"
)

// asJudged is what encoding/json makes of the fields that say what a model is loaded with.
type asJudged struct {
	Options map[string]any
	Shift   *bool
}

// usually is what Ollama has where nothing is said.
var usually = map[string]float64{"num_batch": 512, "num_gpu": -1, "main_gpu": 0, "num_thread": 0, "draft_num_predict": 0}

var allRunnerOptions = []string{"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict"}

// judgedRest is what a runner says of an option, "" = nothing.
func judgedRest(key string, v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		if usual, ok := usually[key]; !ok || math.Trunc(v) != usual {
			return strconv.FormatInt(int64(v), 10)
		}
	}
	return ""
}

// plain says that an option is one that is understood: missing, null, a bool, or a number that is neither
// longer nor larger than anybody means. num_ctx is a number.
func plain(o *Object, key string, v any) bool {
	raw, _ := o.Option(key)
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return key != "num_ctx"
	case float64:
		most := float64(1 << 53)
		if key == "num_ctx" {
			most = 1<<31 + 1
		}
		return len(raw) <= 32 && math.Abs(v) < most
	}
	return false
}

// checkRunner compares what is read of a body with what encoding/json reads, which Ollama uses.
func checkRunner(t *testing.T, body []byte) {
	var judge asJudged
	if json.Unmarshal(body, &judge) != nil {
		return
	}
	o, err := ReadObject(body)
	if err != nil {
		return // FuzzReadObject is of that
	}
	r, ok := o.Runner()
	odd := ""
	for _, key := range allRunnerOptions {
		if !plain(&o, key, judge.Options[key]) {
			odd = key
		}
	}
	if !ok {
		if odd == "" {
			t.Errorf("%s: is not understood, and encoding/json has %v", body, judge.Options)
		}
		return
	}
	if odd != "" {
		t.Fatalf("%s: is understood, though %s is %v", body, odd, judge.Options[odd])
	}
	compareRunner(t, body, r, judge)
}

func compareRunner(t *testing.T, body []byte, r Runner, judge asJudged) {
	numCtx := 0
	if n, said := judge.Options["num_ctx"].(float64); said {
		numCtx = max(4, int(n))
	}
	if r.NumCtx != numCtx {
		t.Errorf("%s: num_ctx %d, want %d", body, r.NumCtx, numCtx)
	}
	if want := judge.Shift != nil && !*judge.Shift; r.NoShift != want {
		t.Errorf("%s: shift is off: %v, want %v", body, r.NoShift, want)
	}
	var said map[string]json.RawMessage
	if err := json.Unmarshal([]byte("{"+r.Rest+"}"), &said); err != nil {
		t.Fatalf("%s: %q is not JSON: %v", body, r.Rest, err)
	}
	for _, key := range allRunnerOptions[1:] {
		if got, want := string(said[key]), judgedRest(key, judge.Options[key]); got != want {
			t.Errorf("%s: %s is %q, want %q", body, key, got, want)
		}
		delete(said, key)
	}
	if len(said) > 0 {
		t.Errorf("%s: %q says more than a runner's options", body, r.Rest)
	}
}

var runnerSeeds = []string{
	`{}`, `null`, `{"options":null}`, `{"options":{}}`, `{"shift":false}`, `{"shift":null,"Shift":false}`, `{"shift":false,"shift":null}`,
	`{"options":{"num_ctx":4096}}`, `{"options":{"num_ctx":2.9}}`, `{"options":{"num_ctx":-0.0}}`, `{"options":{"num_ctx":1e3,"num_ctx":null}}`,
	`{"options":{"num_batch":null,"num_gpu":5}}`, `{"options":{"num_batch":4,"num_batch":null}}`, `{"options":{"num_ctx":null,"num_batch":512}}`, `{"options":{"num_batch":512.9,"num_gpu":-1.5,"main_gpu":-0.3,"num_thread":0.7}}`,
	`{"options":{"num_batch":4},"options":{"num_gpu":3}}`, `{"options":{"num_batch":4},"options":null,"options":{"num_ctx":9}}`,
	`{"Options":{"num_batch":4},"OPTIONS":{"num_batch":5},"options":{"NUM_BATCH":6}}`, `{"optionſ":{"num_ctx":9}}`,
	`{"options":{"num_\u0063tx":7,"num_ctx":8}}`, `{"opt\u0069ons":{"use_mm\u0061p":true}}`, `{"options":{"use_mmap":1,"num_batch":false}}`,
	`{"options":{"num_ctx":9007199254740993}}`, `{"options":{"num_batch":9007199254740992}}`, `{"options":{"num_batch":-9007199254740991}}`,
	`{"options":{"num_ctx":2147483648}}`, `{"options":{"num_ctx":2147483648.5}}`, `{"options":{"num_ctx":1e-400}}`, `{"options":{"num_thread":5E+2}}`,
	`{"options":{"num_batch":[512],"x":{"num_ctx":5}}}`, `{"x":{"options":{"num_ctx":5}},"options":{"num_gpu":{"num_ctx":1}}}`, `{"options":{"num_gpu":"3"}}`,
	`{"options":{"num_batch":1.00000000000000000000000000000000000}}`, ` {"options" : { "num_ctx" : 5 , "num_gpu" : 0 } } `, `{"options":{"draft_num_predict":-0}}`,
}

func TestARunnerIsWhatOllamaReads(t *testing.T) {
	for i, body := range runnerSeeds {
		t.Run(fmt.Sprint(i), func(t *testing.T) { checkRunner(t, []byte(body)) })
	}
}

func FuzzRunner(f *testing.F) {
	for _, body := range runnerSeeds {
		f.Add([]byte(body))
	}
	f.Fuzz(checkRunner)
}
