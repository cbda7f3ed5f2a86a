package ollama

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A TypeError is a value of the wrong JSON type: of Field, or of the whole body where Field is empty.
type TypeError struct {
	Value string // what stands there: number, string, bool, array, object
	Field string
	Want  string // the type of Go's that it should be, "" = string
}

// StreamError is the error of a stream that is neither true nor false.
func StreamError(value []byte) *TypeError {
	return &TypeError{Value: typeWord(value), Field: fieldKeys[FieldStream], Want: "bool"}
}

// Text is the error as encoding/json gives it to Ollama, whose request type
// (api.ChatRequest) is named in it.
func (e *TypeError) Text(requestType string) string {
	if e.Field == "" {
		return fmt.Sprintf("json: cannot unmarshal %s into Go value of type %s", e.Value, requestType)
	}
	_, typ, _ := strings.Cut(requestType, ".")
	return fmt.Sprintf("json: cannot unmarshal %s into Go struct field %s.%s of type %s", e.Value, typ, e.Field, cmp.Or(e.Want, "string"))
}

func (e *TypeError) Error() string { return e.Text("request") }

// String is the value of f as encoding/json would leave it in a Go string: the
// last occurrence that is not null. The error is a *TypeError where any
// occurrence is of another type.
func (o *Object) String(f Field) (string, error) {
	value := ""
	for _, m := range o.members[f] {
		raw := o.Body[m.val.from:m.val.to]
		if string(raw) == "null" {
			continue
		}
		if raw[0] != '"' {
			return "", cmp.Or(Check(o.Body), error(&TypeError{Value: typeWord(raw), Field: fieldKeys[f]}))
		}
		if plainString(raw) {
			value = string(raw[1 : len(raw)-1])
		} else if err := json.Unmarshal(raw, &value); err != nil {
			return "", cmp.Or(Check(o.Body), err)
		}
	}
	return value, nil
}

// Empty says whether f is missing, null, or the empty value of its type; of a
// number, not above zero. Of an array it looks only at what stands first.
func (o *Object) Empty(f Field) bool {
	for i := len(o.members[f]) - 1; i >= 0; i-- {
		m := o.members[f][i]
		raw := o.Body[m.val.from:m.val.to]
		switch raw[0] {
		case 'n':
			continue
		case '[':
			return raw[skipSpace(raw, 1)] == ']'
		case '"':
			return len(raw) == len(`""`)
		case '{', 't', 'f':
			return false
		}
		n, err := strconv.ParseFloat(string(raw[:min(len(raw), 64)]), 64)
		return err == nil && n <= 0
	}
	return true
}

// Ambiguous says that two parsers could read f differently: it stands there
// more than once, or its key is spelled oddly.
func (o *Object) Ambiguous(f Field) bool {
	m := o.members[f]
	return len(m) > 1 || len(m) == 1 && !m[0].plain
}

// plainString says whether a quoted string means just its own bytes.
func plainString(raw []byte) bool {
	for _, c := range raw {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// typeWord is encoding/json's word for the type of a value that is not null.
func typeWord(raw []byte) string {
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// Missing says whether f does not stand in the object, or only as null.
func (o *Object) Missing(f Field) bool {
	m := o.members[f]
	return len(m) == 0 || string(o.Body[m[len(m)-1].val.from:m[len(m)-1].val.to]) == "null"
}

// Is says whether each of these fields, where it stands there and is not null, is a value that begins so.
func (o *Object) Is(begins byte, fields ...Field) bool {
	for _, f := range fields {
		if raw := o.Last(f); raw != nil && raw[0] != begins {
			return false
		}
	}
	return true
}

// raw is the value of f that counts for what may be left out: the last, be it null; nil where f is missing.
func (o *Object) raw(f Field) []byte {
	all := o.members[f]
	if len(all) == 0 {
		return nil
	}
	v := all[len(all)-1].val
	return o.Body[v.from:v.to]
}

// Bool is the value of f, or otherwise where it is missing or no bool.
func (o *Object) Bool(f Field, otherwise bool) bool {
	switch string(o.raw(f)) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// Stands says whether f stands in the object, be it as null.
func (o *Object) Stands(f Field) bool { return len(o.members[f]) > 0 }

// Last is the value of f that stands last, nil where there is none or where it is null: what
// encoding/json leaves in a pointer, which null empties.
func (o *Object) Last(f Field) []byte {
	if o.Missing(f) {
		return nil
	}
	m := o.members[f][len(o.members[f])-1]
	return o.Body[m.val.from:m.val.to]
}

// Unloads says whether a native request only has its model leave memory: there is
// nothing to answer, and it is to be kept for no time at all (routes.go, GenerateHandler and ChatHandler).
func (o *Object) Unloads() bool {
	return o.keepsNothing() && o.Empty(FieldPrompt) && o.Empty(FieldMessages)
}

func (o *Object) keepsNothing() bool {
	raw := string(o.raw(FieldKeepAlive))
	if n, err := strconv.ParseFloat(raw, 64); err == nil {
		return n == 0
	}
	if len(raw) < 2 || raw[0] != '"' {
		return false
	}
	d, err := time.ParseDuration(raw[1 : len(raw)-1])
	return err == nil && d == 0
}
