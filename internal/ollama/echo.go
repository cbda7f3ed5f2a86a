package ollama

import (
	"bytes"
	"encoding/json"
)

// An Echo puts the name the client used in the place of the name that was sent,
// in an answer that goes by in pieces: the top-level "model" of every record,
// and the one in "response" (Responses) and "message" (Anthropic). Every other
// byte passes. It holds back no more than one name.
type Echo struct {
	sent, asked []byte // quoted
	sse         bool

	at    echoState
	depth int
	list  [echoDeepest + 1]bool // the value open at this depth is an array
	keys  [echoDeepest + 1][]byte
	token []byte // the key or name being read, from its opening quote
	line  []byte // of an SSE line, what came before its data
}

// echoDeepest is the depth of response.model.
const echoDeepest = 2

// maxName is more than a name can have: 350 + 3 * 80 bytes and separators.
const maxName = 1024

type echoState uint8

const (
	echoLine   echoState = iota // before a value; in SSE, before "data:"
	echoPass                    // an SSE line without a value: to its end
	echoValue                   // a value may begin
	echoKey                     // a key may begin
	echoInKey                   // inside a key
	echoString                  // inside a string nobody needs
	echoEscape                  // behind a backslash in one
	echoName                    // inside a string at a model's place
)

// NewEcho returns an Echo for one answer.
func NewEcho(f Framing, sent, asked string) *Echo {
	s, _ := json.Marshal(sent)
	a, _ := json.Marshal(asked)
	return &Echo{sent: s, asked: a, sse: f == SSE}
}

// Append adds to dst what is to be sent on of p.
func (e *Echo) Append(dst, p []byte) []byte {
	for _, c := range p {
		switch e.at {
		case echoLine:
			dst = append(dst, c)
			e.lineByte(c)
		case echoPass:
			dst = append(dst, c)
			if c == '\n' {
				e.newLine()
			}
		case echoValue, echoKey:
			dst = e.structural(dst, c)
		case echoInKey:
			dst = append(dst, c)
			e.keyByte(c)
		case echoString:
			dst = append(dst, c)
			if c == '"' {
				e.at = echoValue
			} else if c == '\\' {
				e.at = echoEscape
			}
		case echoEscape:
			dst = append(dst, c)
			e.at = echoString
		case echoName:
			dst = e.nameByte(dst, c)
		}
	}
	return dst
}

// Rest is what was held back when the answer ended.
func (e *Echo) Rest() []byte {
	if e.at == echoName {
		return e.token
	}
	return nil
}

func (e *Echo) newLine() { e.at, e.depth, e.line = echoLine, 0, e.line[:0] }

var sseData = []byte("data:")

// lineByte waits for the brace that opens a record.
func (e *Echo) lineByte(c byte) {
	switch {
	case c == '\n':
		e.newLine()
	case c == '{' && (!e.sse || bytes.Equal(bytes.TrimRight(e.line, " "), sseData)):
		e.open(false)
	case e.sse && len(e.line) > len(sseData)+1:
		e.at = echoPass
	case e.sse:
		e.line = append(e.line, c)
	}
}

func (e *Echo) open(list bool) {
	if e.depth++; e.depth <= echoDeepest {
		e.list[e.depth] = list
		e.keys[e.depth] = e.keys[e.depth][:0]
	}
	e.at = echoKey
	if list {
		e.at = echoValue
	}
}

// structural takes a byte outside strings.
func (e *Echo) structural(dst []byte, c byte) []byte {
	switch c {
	case '{', '[':
		e.open(c == '[')
	case '}', ']':
		e.at = echoValue
		if e.depth--; e.depth <= 0 {
			e.newLine()
		}
	case ',':
		if e.depth <= echoDeepest && !e.list[e.depth] {
			e.at = echoKey
		}
	case '\n':
		if e.sse {
			e.newLine()
		}
	case '"':
		switch {
		case e.at == echoKey && e.depth <= echoDeepest:
			e.at, e.token = echoInKey, append(e.token[:0], c)
		case e.atModel():
			e.at, e.token = echoName, append(e.token[:0], c)
			return dst
		default:
			e.at = echoString
		}
	}
	return append(dst, c)
}

// atModel says whether the string that begins is the value of a model's member.
func (e *Echo) atModel() bool {
	switch e.depth {
	case 1:
		return !e.list[1] && string(e.keys[1]) == `"model"`
	case 2:
		in := string(e.keys[1])
		return !e.list[2] && (in == `"response"` || in == `"message"`) && string(e.keys[2]) == `"model"`
	}
	return false
}

// keyByte collects a key, the start of one too long to be ours is forgotten.
func (e *Echo) keyByte(c byte) {
	escaped := len(e.token) > 0 && e.token[len(e.token)-1] == '\\'
	if len(e.token) == maxName {
		e.token = append(e.token[:0], 'x')
	}
	e.token = append(e.token, c)
	if c == '"' && !escaped {
		e.keys[e.depth] = append(e.keys[e.depth][:0], e.token...)
		e.at = echoValue
	} else if c == '\\' && escaped {
		e.token[len(e.token)-1] = ' ' // the pair is over: a quote behind it is a quote
	}
}

// nameByte collects a model's name and, at its end, sends the client's own. No
// name that was sent has an escape in it or is as long as maxName.
func (e *Echo) nameByte(dst []byte, c byte) []byte {
	e.token = append(e.token, c)
	switch {
	case c == '"' && bytes.Equal(e.token, e.sent):
		e.at = echoValue
		return append(dst, e.asked...)
	case c == '"':
		e.at = echoValue
	case c == '\\':
		e.at = echoEscape
	case len(e.token) > maxName:
		e.at = echoString
	default:
		return dst
	}
	return append(dst, e.token...)
}
