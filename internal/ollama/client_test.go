package ollama

import (
	"encoding/json"
	"testing"
)

// Sums are made of these figures, of dozens of models.
func TestNoFigureOfAServersIsBelowZeroOrBeyondReason(t *testing.T) {
	for size, want := range map[string]int64{
		"4700000000": 4_700_000_000, "0": 0, "-5": 0, "-9223372036854775808": 0,
		"4611686018427387904": most, "9223372036854775807": most,
	} {
		var l Listed
		body := `{"name":"m","size":` + size + `,"size_vram":` + size + `,"context_length":` + size + `,"details":{"context_length":` + size + `}}`
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			t.Fatal(err)
		}
		if l.Size != want || l.SizeVRAM != want || int64(l.NumCtx) != want || int64(l.Trained) != want {
			t.Errorf("%s: %+v", size, l)
		}
	}
}
