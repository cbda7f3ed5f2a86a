package fleet

import (
	"cmp"
	"strconv"
	"strings"

	"gollamas/internal/ollama"
)

// A variant is a model that gollamas makes of another on a server: the same weights, with a context
// size of its own. All there is to know of it stands in its name,
//
//	gollamas/MODEL:TAG-ctxN-DIGEST
//
// where DIGEST is the first digits of its base's, so that a base which changes gets a variant anew,
// and bases that differ only in host or namespace have one each.
const variantNamespace = "gollamas"

const (
	beforeNumCtx  = "-ctx"
	variantDigits = 12 // of the base's digest
	longestPart   = 80 // of a model's name, for Ollama
)

// VariantName is the name of the variant of a base that has this context, "" where the base's digest is
// none. A long tag is cut, for Ollama takes parts of at most 80 characters.
func VariantName(base ollama.Name, digest string, numCtx int) string {
	if len(digest) < variantDigits || !isHex(digest[:variantDigits]) || numCtx <= 0 {
		return ""
	}
	end := beforeNumCtx + strconv.Itoa(numCtx) + "-" + digest[:variantDigits]
	tag := base.Tag[:min(len(base.Tag), longestPart-len(end))]
	return variantNamespace + "/" + base.Model + ":" + tag + end
}

// ParseVariant reads a variant's name: the first digits of its base's digest, and its context. ok is
// false for every name that VariantName does not make: people may have models of their own in the namespace.
func ParseVariant(name ollama.Name) (digest string, numCtx int, ok bool) {
	tag := strings.ToLower(name.Tag) // in Ollama the case of a name's letters says nothing
	from := strings.LastIndex(tag, beforeNumCtx)
	if from < 1 || !strings.EqualFold(name.Full(), variantNamespace+"/"+name.Model+":"+name.Tag) {
		return "", 0, false
	}
	number, digest, _ := strings.Cut(tag[from+len(beforeNumCtx):], "-")
	numCtx, _ = strconv.Atoi(number)
	end := VariantName(ollama.Name{}, digest, numCtx) // of a model and a tag that are empty
	if len(digest) != variantDigits || end != variantNamespace+"/:"+tag[from:] || len(tag) > longestPart {
		return "", 0, false
	}
	return digest, numCtx, true
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// list takes what a look has seen. What is a variant is nobody's to ask for: of what is installed it
// stands apart, and what is loaded is the base, with a context of its own.
func (s *State) list(installed, loaded []Model) {
	for _, m := range installed {
		if m.Variant {
			s.Variants = append(s.Variants, m)
		} else {
			s.Installed = append(s.Installed, m)
		}
	}
	s.installed, s.variants = index(s.Installed), index(s.Variants)
	s.Loaded = loaded
	for i, m := range loaded {
		if base := s.base(m); base != nil {
			loaded[i] = Model{m.As(base.Listed.Name, base.Digest), base.Key, base.Name, false}
		}
	}
}

// base is what a variant is made of, nil where it is none or that is not installed. Of copies, which
// share a digest, it is the one that the variant is named for.
func (s *State) base(variant Model) (base *Model) {
	digest, numCtx, ok := ParseVariant(variant.Name)
	if !ok {
		return nil
	}
	for i := range s.Installed {
		m := &s.Installed[i]
		if !strings.HasPrefix(m.Digest, digest) {
			continue
		}
		if name := VariantName(m.Name, digest, numCtx); strings.EqualFold(name, variant.Name.Full()) {
			return m
		}
		base = cmp.Or(base, m)
	}
	return base
}
