package fleet

import (
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
	if end != variantNamespace+"/:"+tag[from:] || len(tag) > longestPart {
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
	bases := s.byDigest()
	for i, m := range loaded {
		if base := baseIn(bases, m); base != nil {
			loaded[i] = Model{m.As(base.Listed.Name, base.Digest), base.Key, base.Name, false}
		}
	}
}

// byDigest are the installed models by the first digits of their digests.
func (s *State) byDigest() map[string][]*Model {
	out := map[string][]*Model{}
	for i := range s.Installed {
		if m := &s.Installed[i]; len(m.Digest) >= variantDigits {
			out[m.Digest[:variantDigits]] = append(out[m.Digest[:variantDigits]], m)
		}
	}
	return out
}

// baseIn is what a variant is made of, nil where it is none or that is not installed. Of copies, which
// share a digest, it is the one that the variant is named for.
func baseIn(bases map[string][]*Model, variant Model) *Model {
	digest, numCtx, ok := ParseVariant(variant.Name)
	if !ok || len(bases[digest]) == 0 {
		return nil
	}
	const most = 100 // copies of one model
	all := bases[digest]
	for _, m := range all[:min(len(all), most)] {
		if strings.EqualFold(VariantName(m.Name, digest, numCtx), variant.Name.Full()) {
			return m
		}
	}
	return all[0]
}

// BaseOf finds the installed model that a variant is named for, nil where there is none. same says that
// it is still what the variant was made of.
func (s *State) BaseOf(variant Model) (base *Model, same bool) {
	digest, numCtx, _ := ParseVariant(variant.Name)
	for i := range s.Installed {
		m := &s.Installed[i]
		if !strings.EqualFold(VariantName(m.Name, digest, numCtx), variant.Name.Full()) {
			continue
		}
		if strings.HasPrefix(m.Digest, digest) {
			return m, true
		}
		base = m
	}
	return base, false
}

// Stem is what a variant's name says of its base's, which had perhaps a host or namespace, and a longer tag.
func Stem(variant ollama.Name) string {
	tag := variant.Tag[:max(strings.LastIndex(strings.ToLower(variant.Tag), beforeNumCtx), 0)]
	return strings.TrimSuffix(variant.Model+":"+tag, ":latest")
}
