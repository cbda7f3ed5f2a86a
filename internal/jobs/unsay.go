package jobs

import (
	"encoding/json"
	"regexp"

	"gollamas/internal/ollama"
)

// Unsay puts the model's own name in the place of its variant's, in the text of an error: as it
// stands, and where Ollama spells it in full in full.
func (v *Variants) Unsay(text []byte, variant, own string) []byte {
	n, err := ollama.ParseName(own)
	if err != nil {
		return text
	}
	short, full := inner(own), inner(n.Host+"/"+n.Namespace+"/"+n.Model+":"+n.Tag)
	said := regexp.MustCompile(`(?i)(registry\.ollama\.ai/)?` + regexp.QuoteMeta(variant)) // Ollama borrows letters' case from other names
	return said.ReplaceAllFunc(text, func(found []byte) []byte {
		if len(found) > len(variant) {
			return full
		}
		return short
	})
}

// inner is a text as it stands between the quotes of a JSON string.
func inner(s string) []byte {
	b, _ := json.Marshal(s) // a string always encodes
	return b[1 : len(b)-1]
}
