package ollama

import "testing"

func TestVersionsAreOrderedByNumberNotByString(t *testing.T) {
	ordered := []string{"", "0.9.6", "0.11.4", "0.24.0-rc1", "0.24.0-rc2", "0.24.0-rc10", "0.24.0", "0.24.1", "0.33.0", "1.0", "1.0.1"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got, want := CompareVersions(a, b), i-j; got < 0 != (want < 0) || got > 0 != (want > 0) {
				t.Errorf("%q and %q: %d", a, b, got)
			}
		}
	}
	if CompareVersions("v0.24", "0.24.0") != 0 {
		t.Error("v0.24 is 0.24.0")
	}
}
