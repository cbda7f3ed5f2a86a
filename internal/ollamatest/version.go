package ollamatest

import (
	"strconv"
	"strings"
)

// newer reports whether a version answers as v0.30 and later do.
func newer(version string) bool {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) < 2 {
		return false
	}
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	return major > 0 || minor >= 30
}
