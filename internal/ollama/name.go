package ollama

import (
	"errors"
	"fmt"
	"strings"
)

// What Ollama fills in where a name leaves a part out.
const (
	defaultHost      = "registry.ollama.ai"
	defaultNamespace = "library"
	defaultTag       = "latest"
)

// Errors of ParseName. Their texts are Ollama's own.
var (
	ErrNoName  = errors.New("model is required")
	ErrBadName = errors.New("invalid model name")
)

// A Name is a model's name with all its parts, in the spelling it came in.
type Name struct {
	Host, Namespace, Model, Tag string

	// Cloud says that the name ended in :cloud or -cloud, which since Ollama
	// v0.18 means "send this to ollama.com".
	Cloud bool
}

// ParseName reads a name as Ollama v0.18 and later do: spaces around it are
// ignored, missing parts filled in, ":local" cut off and ":cloud" noted. It
// returns ErrNoName, ErrBadName, or an error with Ollama's text for a name that
// asks for both sources.
func ParseName(s string) (Name, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Name{}, ErrNoName
	}
	base, cloud, explicit := cutSource(s)
	if explicit {
		if _, _, again := cutSource(base); again {
			return Name{}, fmt.Errorf("use either :local or :cloud, not both: %q", s)
		}
	}
	n := splitName(base)
	n.Cloud = cloud
	if !n.valid() {
		return Name{}, ErrBadName
	}
	return n, nil
}

// ParseListed reads a name from a server's own list, where ":cloud" and
// ":local" are tags like any other. reachable is false where a request with this name would
// mean something else.
func ParseListed(s string) (n Name, reachable bool) {
	n = splitName(s)
	asked, err := ParseName(s)
	return n, err == nil && !asked.Cloud && asked.Key() == n.Key()
}

// Key is the name by which two spellings of one model are recognised: complete and lower case.
func (n Name) Key() string {
	return strings.ToLower(n.Host + "/" + n.Namespace + "/" + n.Model + ":" + n.Tag)
}

// Full is the name as Ollama lists it: without the default host and
// namespace, always with the tag.
func (n Name) Full() string {
	s := n.Model + ":" + n.Tag
	if host := !strings.EqualFold(n.Host, defaultHost); host || !strings.EqualFold(n.Namespace, defaultNamespace) {
		s = n.Namespace + "/" + s
		if host {
			s = n.Host + "/" + s
		}
	}
	return s
}

// Short is Full without the default tag: what a person writes.
func (n Name) Short() string {
	return strings.TrimSuffix(n.Full(), ":"+defaultTag)
}

// Normal is s with the default tag where it names none, its own spelling kept:
// the way Ollama v0.30 and later speak of a model they do not have.
func Normal(s string) string {
	n, err := ParseName(s)
	if err != nil {
		return s
	}
	return n.Full()
}

// cutSource removes a ":local", ":cloud" or "-cloud" at the end.
func cutSource(s string) (base string, cloud, explicit bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, false, false
	}
	tag := strings.TrimSpace(s[i+1:])
	switch strings.ToLower(tag) {
	case "cloud":
		return s[:i], true, true
	case "local":
		return s[:i], false, true
	}
	const suffix = "-cloud"
	if cut := len(tag) - len(suffix); cut >= 0 && strings.EqualFold(tag[cut:], suffix) && !strings.Contains(tag, "/") {
		return s[:i+1] + tag[:cut], true, true
	}
	return s, false, false
}

// splitName cuts a name into its parts from the right and fills in defaults; a part
// whose separator stands without it is empty, and so not valid.
func splitName(s string) (n Name) {
	n = Name{Host: defaultHost, Namespace: defaultNamespace, Tag: defaultTag}
	if colon := strings.LastIndexByte(s, ':'); colon > strings.LastIndexByte(s, '/') {
		s, n.Tag = s[:colon], s[colon+1:]
	}
	slash := strings.LastIndexByte(s, '/')
	n.Model = s[slash+1:]
	if slash < 0 {
		return n
	}
	s = s[:slash]
	slash = strings.LastIndexByte(s, '/')
	n.Namespace = s[slash+1:]
	if slash < 0 {
		return n
	}
	n.Host = s[:slash]
	if _, after, scheme := strings.Cut(n.Host, "://"); scheme {
		n.Host = after
	}
	return n
}

func (n Name) valid() bool {
	return validPart(n.Host, 350, ".:") && validPart(n.Namespace, 80, "") &&
		validPart(n.Model, 80, ".") && validPart(n.Tag, 80, ".")
}

// validPart says whether s may stand in a name: letters, digits, _ and -, and
// the bytes of also; never - or one of also at its start.
func validPart(s string, most int, also string) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case i > 0 && (c == '-' || strings.IndexByte(also, c) >= 0):
		default:
			return false
		}
	}
	return true
}

// Source is the ":local", ":cloud" or "-cloud" that a name ends in, as it stands there, "" where there is none.
func Source(s string) string {
	base, _, explicit := cutSource(s)
	if !explicit {
		return ""
	}
	return s[len(base):]
}
