package app

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"

	"gollamas/internal/config"
)

// Sums are what files hold, by their paths. What cannot be read, or is no file, has the zero sum.
type sums map[string][sha256.Size]byte

// sumsOf reads the files that settings name.
func sumsOf(all ...config.Config) sums {
	out := sums{}
	for _, cfg := range all {
		for _, path := range filesOf(cfg) {
			out[path] = sum(path)
		}
	}
	return out
}

// filesOf are the files that settings name, the one they stand in among them.
func filesOf(cfg config.Config) []string {
	all := []string{cfg.File, cfg.KeysFile, cfg.ServerTLS.Cert, cfg.ServerTLS.Key}
	for _, c := range cfg.Connections {
		all = append(all, c.TLS.CA, c.TLS.Cert, c.TLS.Key)
	}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}

func sum(path string) (none [sha256.Size]byte) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() { // to read a pipe would empty it
		return none
	}
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names it
	if err != nil {
		return none
	}
	return sha256.Sum256(data)
}

// readable says which of the files that settings name is none by now: a pipe would be waited for without end.
func readable(cfg config.Config) error {
	for _, path := range filesOf(cfg) {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file that could be read again", path)
		}
	}
	return nil
}

// again reads the same files once more.
func (s sums) again() sums {
	out := sums{}
	for path := range s {
		out[path] = sum(path)
	}
	return out
}

// take takes what others say of the files that are here.
func (s sums) take(others sums) {
	for path, sum := range others {
		if _, here := s[path]; here {
			s[path] = sum
		}
	}
}

// differs says whether any file is not as it was when the settings were last read, be it in vain.
func (a *App) differs() bool {
	last := *a.files.Load()
	return !maps.Equal(last, last.again())
}
