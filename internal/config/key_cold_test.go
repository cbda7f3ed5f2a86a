package config

import (
	"os"
	"path/filepath"
	"testing"
)

// A file of keys in which nothing stands (cut short while it is written) must not let everybody in.
func TestEmptyKeysFileIsRefused(t *testing.T) {
	for _, text := range []string{"", "[]", "# none\n"} {
		keys, main := filepath.Join(t.TempDir(), "keys.yaml"), filepath.Join(t.TempDir(), "g.yaml")
		_ = os.WriteFile(keys, []byte(text), 0o600)
		_ = os.WriteFile(main, []byte("keys_file: "+keys+"\nmodels:\n  m: http://localhost:1\n"), 0o600)
		c, err := Load(&Given{File: main}, func(string) string { return "" })
		if err == nil && len(c.Keys) == 0 {
			t.Errorf("%q: settings with a keys_file and no key in it were taken", text)
		} else {
			t.Log(err)
		}
	}
}
