package ollama

import (
	"bytes"
	"fmt"
	"strings"
)

// A Pattern is a model's name with * in it, each of which is any run of characters. It is
// compared with a name as Ollama lists it, with and without ":latest", in any case.
type Pattern struct {
	text  string   // without what Ollama leaves out when it names a model
	parts [][]byte // of text, between its stars
}

// IsPattern says whether a model's name stands for several.
func IsPattern(name string) bool { return strings.Contains(name, "*") }

// SamePattern says whether two patterns are one.
func SamePattern(a, b string) bool { return normalPattern(a) == normalPattern(b) }

// ParsePattern reads a pattern. The error is for one with a byte in it that no model's name has.
func ParsePattern(s string) (Pattern, error) {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.:/*", c) >= 0) {
			return Pattern{}, fmt.Errorf("%q matches no model: %q stands in no name", s, string(c))
		}
	}
	return newPattern(normalPattern(s)), nil
}

func newPattern(text string) Pattern {
	return Pattern{text, bytes.Split([]byte(text), []byte("*"))}
}

// normalPattern is a pattern without what Ollama leaves out when it names a model.
func normalPattern(s string) string {
	s = strings.ToLower(s)
	for _, front := range []string{"https://", "http://", defaultHost + "/", defaultNamespace + "/"} {
		s = strings.TrimPrefix(s, front)
	}
	return s
}

// String is the pattern in the spelling in which two that are one are the same.
func (p Pattern) String() string { return p.text }

// Longer orders patterns for slices.SortStableFunc: a longer one wins over a shorter.
func (p Pattern) Longer(than Pattern) int { return len(than.text) - len(p.text) }

// Matches says whether a name is among those that the pattern stands for.
func (p Pattern) Matches(name Folded) bool {
	return p.matches(name) || bytes.HasSuffix(name, colonLatest) && p.matches(name[:len(name)-len(colonLatest)])
}

var colonLatest = []byte(":" + defaultTag)

func (p Pattern) matches(name []byte) bool {
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(p.parts) == 1 {
		return bytes.Equal(first, name)
	}
	if !bytes.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for _, part := range p.parts[1 : len(p.parts)-1] {
		i := bytes.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return bytes.HasSuffix(name, last)
}

// Meets says whether there is a name that both patterns match. A pattern here may be without a
// star: an exact name, as Ollama lists it.
func (p Pattern) Meets(other Pattern) bool {
	return meet(p.text, other.text) || meet(p.text+":"+defaultTag, other.text) || meet(p.text, other.text+":"+defaultTag)
}

// meet says whether two patterns have a text in common. row[j] is whether the rest of a and b[j:] have.
func meet(a, b string) bool {
	row := make([]bool, len(b)+1)
	row[len(b)] = true
	for j := len(b) - 1; j >= 0 && b[j] == '*'; j-- {
		row[j] = true
	}
	for i := len(a) - 1; i >= 0; i-- {
		diagonal := row[len(b)]
		row[len(b)] = a[i] == '*' && diagonal
		for j := len(b) - 1; j >= 0; j-- {
			below := row[j]
			switch {
			case a[i] == '*':
				row[j] = below || row[j+1]
			case b[j] == '*':
				row[j] = below || row[j+1]
			default:
				row[j] = a[i] == b[j] && diagonal
			}
			diagonal = below
		}
	}
	return row[0]
}

// A Folded is a name as Ollama lists it, in lower case. Two names are of one model if theirs are the same.
type Folded []byte

// Fold appends the name to buf: on the caller's stack it costs nothing.
func (n Name) Fold(buf []byte) Folded {
	if host := !strings.EqualFold(n.Host, defaultHost); host || !strings.EqualFold(n.Namespace, defaultNamespace) {
		if host {
			buf = append(append(buf, n.Host...), '/')
		}
		buf = append(append(buf, n.Namespace...), '/')
	}
	buf = append(append(append(buf, n.Model...), ':'), n.Tag...)
	for i, c := range buf {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c + ('a' - 'A')
		}
	}
	return buf
}
