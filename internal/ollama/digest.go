package ollama

import "strings"

// IsDigest says whether s is the digest of a file as requests write it: sha256, a colon or a dash, 64 hex digits
// (manifest/paths.go, BlobsPath).
func IsDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256")
	if !ok || len(hex) != 65 || hex[0] != ':' && hex[0] != '-' {
		return false
	}
	return strings.Trim(hex[1:], "0123456789abcdefABCDEF") == ""
}
