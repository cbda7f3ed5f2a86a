package ollama

import (
	"bytes"
	"encoding/json"
)

// A member is where one member of an object stands in the body.
type member struct {
	comma    int // of the comma before it, -1 for the first
	key, val span
	plain    bool // the key is spelled just so: right case, no escapes
}

type span struct{ from, to int }

// eachMember calls do for each member of the object that opens at b[i], up to the first error.
func eachMember(b []byte, i int, do func(member) error) error {
	comma := -1
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return nil
	}
	for {
		m := member{comma: comma}
		if i = skipSpace(b, i); i == len(b) || b[i] != '"' {
			return errSyntax
		}
		m.key = span{i, skipString(b, i)}
		if i = skipSpace(b, m.key.to); i >= len(b) || b[i] != ':' {
			return errSyntax
		}
		i = skipSpace(b, i+1)
		m.val = span{i, skipValue(b, i)}
		if m.val.to == m.val.from || m.val.to > len(b) {
			return errSyntax
		}
		if err := do(m); err != nil {
			return err
		}
		if i = skipSpace(b, m.val.to); i == len(b) {
			return errSyntax
		}
		switch b[i] {
		case '}':
			return nil
		case ',':
			comma, i = i, i+1
		default:
			return errSyntax
		}
	}
}

// keyOf is a member's key with its escapes read. It is nil where encoding/json could not read them.
func keyOf(b []byte, m member) (key []byte, escaped bool) {
	key = b[m.key.from+1 : m.key.to-1]
	if bytes.IndexByte(key, '\\') < 0 {
		return key, false
	}
	var s string
	if json.Unmarshal(b[m.key.from:m.key.to], &s) != nil {
		return nil, true
	}
	return []byte(s), true
}
