package ollama

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// A Field is a top-level member of a request that gollamas looks at.
type Field uint8

// The fields. What is not among them passes unseen.
const (
	FieldModel Field = iota
	FieldName
	FieldMessages
	FieldMaxTokens
	FieldInput
	FieldOptions
	FieldStream
	FieldTools
	FieldKeepAlive
	FieldPrompt
	FieldShift
	FieldFrom
	FieldSource
	FieldDestination
	fieldCount
)

var fieldKeys = [fieldCount]string{"model", "name", "messages", "max_tokens", "input", "options", "stream", "tools", "keep_alive", "prompt", "shift", "from", "source", "destination"}

// An Object is a request's body and where its fields stand in it. Every
// occurrence of a field is remembered, because encoding/json, which Ollama
// reads with, lets the last one win across spellings.
type Object struct {
	Body    []byte
	inside  int // just behind the opening brace; 0 where there is none, for the body is null
	members [fieldCount][]member
}

// ErrEmpty is returned for a body with nothing in it.
var ErrEmpty = io.EOF

// errSyntax stands for whatever encoding/json says of the same bytes.
var errSyntax = errors.New("invalid JSON")

// ReadObject finds the fields of the first JSON value in body by
// encoding/json's rules: keys match in any case and with escapes in them, and
// what follows the value is ignored. Values it does not need are skipped, not
// checked; the server checks them. The error is encoding/json's, or a
// *TypeError where the value is not an object (null is an empty one).
func ReadObject(body []byte) (Object, error) {
	o := Object{Body: body}
	i := skipSpace(body, 0)
	if i == len(body) {
		return o, ErrEmpty
	}
	if body[i] != '{' {
		return o, notObject(body[i:], body)
	}
	o.inside = i + 1
	if err := eachMember(body, i, o.note); err == ErrTooOften {
		return o, err
	} else if err != nil {
		return o, cmp.Or(Check(body), err)
	}
	return o, nil
}

// Check says what encoding/json says of the first value in body, nil if it is well formed.
func Check(body []byte) error {
	var v json.RawMessage
	return json.NewDecoder(bytes.NewReader(body)).Decode(&v)
}

// notObject says what is wrong with a value that is no object: nothing, if it is null.
func notObject(value, body []byte) error {
	if err := Check(body); err != nil {
		return err
	}
	if value[0] == 'n' {
		return nil
	}
	return &TypeError{Value: typeWord(value)}
}

// mostOften is how often one field may stand in an object. Nobody means more;
// each is remembered, and a body of millions would take gigabytes.
const mostOften = 64

// ErrTooOften is returned for an object in which a field stands more than mostOften times.
var ErrTooOften = errors.New("one field stands in the request more than 64 times")

// note keeps m if its key is one of ours.
func (o *Object) note(m member) error {
	key, escaped := keyOf(o.Body, m)
	for f, want := range fieldKeys {
		if len(key) < len(want) || len(key) > 3*len(want) { // of what folds into a letter, K (U+212A) is longest: three bytes
			continue
		}
		if string(key) == want {
			m.plain = !escaped
		} else if !strings.EqualFold(string(key), want) {
			continue
		}
		if len(o.members[f]) == mostOften {
			return ErrTooOften
		}
		o.members[f] = append(o.members[f], m)
		return nil
	}
	return nil
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index behind the string that opens at i; past the
// end of b where it is not closed. A picture of megabytes is one jump.
func skipString(b []byte, i int) int {
	for from := i + 1; ; {
		q := bytes.IndexByte(b[min(from, len(b)):], '"')
		if q < 0 {
			return len(b) + 1
		}
		end := from + q
		slashes := end
		for b[slashes-1] == '\\' {
			slashes--
		}
		if (end-slashes)%2 == 0 {
			return end + 1
		}
		from = end + 1
	}
}

// skipValue returns the index behind the value at i; past the end of b where
// it is not complete, i where there is none.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	for i < len(b) && !strings.ContainsRune(" \t\r\n,]}:\"[{", rune(b[i])) {
		i++
	}
	return i
}

// skipNested counts brackets without a stack, so depth costs nothing. That
// "[}" passes is the server's to refuse.
func skipNested(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(b) + 1
}
