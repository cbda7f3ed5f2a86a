package admin

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

// What a model is loaded with comes from clients, who may write anything.
func TestWhatAModelIsLoadedWithIsAlwaysJSON(t *testing.T) {
	for rest, want := range map[string]string{
		"":                             `{"num_ctx":1}`,
		`"num_gpu":1,"use_mmap":false`: `{"num_ctx":1,"options":{"num_gpu":1,"use_mmap":false}}`,
		"\"num_gpu\":tru\x07":          `{"num_ctx":1,"options":"\"num_gpu\":tru\u0007"}`,
	} {
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(newRunner(ollama.Runner{NumCtx: 1, Rest: rest})); err != nil {
			t.Errorf("%s: %v", rest, err)
		}
		if got := strings.TrimSpace(b.String()); got != want {
			t.Errorf("%s: %s, want %s", rest, got, want)
		}
	}
}

func TestKeptIsWhatWasSaid(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "", 1: "0", 5 * time.Minute: "5m0s", math.MaxInt64: "-1"} {
		if got := kept(d); got != want {
			t.Errorf("%d: %q", d, got)
		}
	}
}

func TestWhereNothingLoadsTheListIsEmpty(t *testing.T) {
	for _, o := range []Options{{}, {Loading: func() []Loading { return nil }}} {
		if got := (&admin{Options: o}).loading(time.Now()); got == nil || len(got) > 0 {
			t.Errorf("%v", got)
		}
	}
}
