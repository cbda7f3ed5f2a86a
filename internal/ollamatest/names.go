package ollamatest

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// A modelName is a model's name in its four parts: host/namespace/model:tag.
type modelName struct{ host, namespace, model, tag string }

const (
	defaultHost      = "registry.ollama.ai"
	defaultNamespace = "library"
	defaultTag       = "latest"
	missingPart      = "!MISSING!" // a part that a separator promised; never valid
)

func parseName(s string) modelName {
	var n modelName
	if strings.LastIndex(s, ":") > strings.LastIndex(s, "/") {
		s, n.tag, _ = cutLast(s, ":")
	}
	rest, last, more := cutLast(s, "/")
	if n.model = last; more {
		rest, last, more = cutLast(rest, "/")
		if n.namespace = last; more {
			n.host = rest
			if _, host, ok := strings.Cut(rest, "://"); ok {
				n.host = host
			}
		}
	}
	n.host = cmp.Or(n.host, defaultHost)
	n.namespace = cmp.Or(n.namespace, defaultNamespace)
	n.tag = cmp.Or(n.tag, defaultTag)
	return n
}

// cutLast cuts s at the last sep; without one, all of s is the part after.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", s, false
	}
	return cmp.Or(s[:i], missingPart), cmp.Or(s[i+len(sep):], missingPart), true
}

// String is the full name; display is the shortest that says the same, always with its tag.
func (n modelName) String() string {
	return n.host + "/" + n.namespace + "/" + n.model + ":" + n.tag
}

func (n modelName) display() string {
	short := n.model + ":" + n.tag
	switch {
	case !strings.EqualFold(n.host, defaultHost):
		return n.host + "/" + n.namespace + "/" + short
	case !strings.EqualFold(n.namespace, defaultNamespace):
		return n.namespace + "/" + short
	}
	return short
}

func (n modelName) same(o modelName) bool { return strings.EqualFold(n.String(), o.String()) }

func (n modelName) valid() bool {
	return validPart(n.host, 350, "_-.:") && validPart(n.namespace, 80, "_-") &&
		validPart(n.model, 80, "_-.") && validPart(n.tag, 80, "_-.")
}

func validPart(s string, longest int, marks string) bool {
	if s == "" || len(s) > longest || !alphanumeric(s[0]) && s[0] != '_' {
		return false
	}
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(marks, s[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// A source is where a name says its model should run.
type source int

const (
	anywhere source = iota
	local
	cloud
)

// A reference is a name as requests carry it, with its :local or :cloud taken off.
type reference struct {
	base   string
	name   modelName
	source source
}

var (
	errNoModel     = errors.New("model is required")
	errBothSources = errors.New("use either :local or :cloud, not both")
	errUnqualified = errors.New("unqualified name")
)

func parseReference(raw string) (reference, error) {
	base, from, err := splitSource(raw)
	if err != nil {
		return reference{}, err
	}
	return newReference(base, from)
}

// parsePullReference keeps the older spelling of cloud names, in which they are stored.
func parsePullReference(raw string) (reference, error) {
	base, from, err := splitSource(raw)
	if err != nil {
		return reference{}, err
	}
	if from == cloud {
		if strings.LastIndex(base, ":") > strings.LastIndex(base, "/") {
			base += "-cloud"
		} else {
			base += ":cloud"
		}
	}
	return newReference(base, from)
}

func newReference(base string, from source) (reference, error) {
	n := parseName(base)
	if !n.valid() {
		return reference{}, fmt.Errorf("%w: %s", errUnqualified, n)
	}
	return reference{base: base, name: n, source: from}, nil
}

func splitSource(raw string) (base string, from source, err error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return "", anywhere, errNoModel
	}
	base, from = cutSource(raw)
	if _, again := cutSource(base); from != anywhere && again != anywhere {
		return "", anywhere, fmt.Errorf("%w: %q", errBothSources, raw)
	}
	return base, from, nil
}

func cutSource(s string) (string, source) {
	i := strings.LastIndex(s, ":")
	if i < 0 {
		return s, anywhere
	}
	suffix := strings.TrimSpace(s[i+1:])
	switch lower := strings.ToLower(suffix); {
	case lower == "cloud":
		return s[:i], cloud
	case lower == "local":
		return s[:i], local
	case strings.HasSuffix(lower, "-cloud") && !strings.Contains(suffix, "/"):
		return s[:i+1] + suffix[:len(suffix)-len("-cloud")], cloud
	}
	return s, anywhere
}
