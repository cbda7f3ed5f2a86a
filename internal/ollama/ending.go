package ollama

import (
	"bytes"
	"cmp"
	"encoding/json"
)

// tailSize is how much of an answer's end is kept. The figures stand last in
// every dialect; the longest, of a response.completed, need about 600 bytes.
const tailSize = 1024

// An Ending watches an answer go by and tells, when it is over, whether it
// ended as Ollama ends one: a native stream with done:true (or, of a pull, with
// status success), an SSE stream with [DONE], message_stop or
// response.completed. A broken /v1 stream ends cleanly all the same
// (middleware/openai.go looks at the status only), so the wire does not tell.
type Ending struct {
	Framing Framing
	Native  bool // of Ollama's own dialect: an answer in one piece says done, too

	tail    []byte
	done    doneState // what the last "done": of the current line said
	joint   []byte    // the end of the chunk before, while its line goes on
	opening []byte    // how the current line of a native stream begins
	marked  bool      // a response.completed event has begun
}

type doneState uint8

const (
	doneUnsaid doneState = iota
	doneFalse
	doneTrue
)

// Write looks at the next bytes of the answer and keeps none of them but the last.
func (e *Ending) Write(p []byte) {
	if len(p) == 0 || e.Framing == Opaque {
		return
	}
	switch e.Framing {
	case NDJSON:
		if bytes.HasSuffix(p, everyday) {
			e.pass()
			return
		}
		e.lines(p)
	case JSON:
		if e.Native {
			e.seekDone(p, true)
		}
	case SSE:
		e.seekCompleted(p)
	}
	e.keep(p)
}

var completedEvent = []byte("event: response.completed\n")

// seekCompleted looks for the one end mark that can stand far from the end:
// its data repeats the whole answer.
func (e *Ending) seekCompleted(p []byte) {
	if e.marked || bytes.Contains(p, completedEvent) {
		e.marked = true
		return
	}
	n := len(completedEvent)
	if len(e.tail) == 0 || e.tail[len(e.tail)-1] == '\n' {
		return // an event begins with p, as Ollama flushes each whole
	}
	joint := append([]byte(nil), e.tail[max(0, len(e.tail)-n):]...)
	e.marked = bytes.Contains(append(joint, p[:min(len(p), n)]...), completedEvent)
}

// everyday is how every record but the last ends in Ollama's own streams.
var everyday = []byte("\"done\":false}\n")

// pass forgets all but that a line is over which was not the last: of the
// thousands in a stream no byte needs to be looked at or kept.
func (e *Ending) pass() {
	e.done, e.joint, e.opening = doneFalse, e.joint[:0], e.opening[:0]
	e.tail = append(e.tail[:0], '\n')
}

// errorOpening is how Ollama begins an error record.
const errorOpening = `{"error":`

// lines looks for "done": in the last line of p, which may have begun before p.
func (e *Ending) lines(p []byte) {
	line := bytes.TrimRight(p, "\r\n")
	if len(line) == 0 {
		return
	}
	begins := len(e.tail) > 0 && e.tail[len(e.tail)-1] == '\n'
	nl := -1
	if bytes.IndexByte(line, '\n') >= 0 {
		nl = bytes.LastIndexByte(line, '\n')
	}
	if nl >= 0 || begins {
		line = line[nl+1:]
		e.opening = e.opening[:0]
		e.done, e.joint = doneUnsaid, e.joint[:0]
	}
	if short := len(errorOpening) - len(e.opening); short > 0 {
		e.opening = append(e.opening, line[:min(short, len(line))]...)
	}
	e.seekDone(line, len(line) == len(p)-nl-1)
}

var doneKey = []byte(`"done":`)

// doneSpan is as many bytes as "done": and its value can take.
const doneSpan = len(`"done": false`)

// seekDone remembers what the last "done": in p says. A nested one, in a tool
// call's arguments, always has the record's own behind it; one inside a string has
// its quotes escaped and is not found. Where p goes on in the next write, the key may too.
func (e *Ending) seekDone(p []byte, goesOn bool) {
	if len(e.joint) > 0 {
		e.joint = append(e.joint, p[:min(len(p), doneSpan)]...)
		e.scanDone(e.joint)
	}
	e.scanDone(p)
	switch {
	case !goesOn:
		e.joint = e.joint[:0]
		return
	case len(p) >= doneSpan:
		e.joint = append(e.joint[:0], p[len(p)-doneSpan:]...)
	case len(e.joint) == 0:
		e.joint = append(e.joint, p...)
	}
	if over := len(e.joint) - doneSpan; over > 0 {
		e.joint = e.joint[:copy(e.joint, e.joint[over:])]
	}
}

func (e *Ending) scanDone(p []byte) {
	for {
		i := bytes.Index(p, doneKey)
		if i < 0 {
			return
		}
		p = p[i+len(doneKey):]
		switch v := bytes.TrimLeft(p, " "); {
		case bytes.HasPrefix(v, []byte("true")):
			e.done = doneTrue
		case bytes.HasPrefix(v, []byte("false")):
			e.done = doneFalse
		}
	}
}

// keep holds the last tailSize bytes, and up to as many more, so that not every
// write has to move them.
func (e *Ending) keep(p []byte) {
	if len(p) >= tailSize {
		e.tail = append(e.tail[:0], p[len(p)-tailSize:]...)
		return
	}
	if len(e.tail)+len(p) > 2*tailSize {
		e.tail = e.tail[:copy(e.tail, e.tail[len(e.tail)-tailSize:])]
	}
	e.tail = append(e.tail, p...)
}

// Complete says whether what went by is a whole answer.
func (e *Ending) Complete() bool {
	switch e.Framing {
	case NDJSON:
		last := e.lastLine()
		whole := last != nil && e.tail[len(e.tail)-1] == '\n'
		return whole && (e.done == doneTrue || bytes.HasPrefix(last, []byte(`{"status":"success"`)))
	case JSON:
		return e.done != doneFalse
	case SSE:
		return e.sseComplete()
	}
	return true
}

func (e *Ending) sseComplete() bool {
	end := bytes.TrimRight(e.tail, "\r\n")
	if bytes.HasSuffix(end, []byte("data: [DONE]")) || bytes.HasSuffix(end, []byte("data:[DONE]")) {
		return true
	}
	if len(end) == len(e.tail) { // the last event was not finished
		return false
	}
	last := e.lastLine()
	return bytes.Contains(last, []byte(`"type":"message_stop"`)) ||
		bytes.HasSuffix(last, []byte(`"type":"response.completed"}`)) ||
		e.marked && len(e.Gap()) == 0
}

// Gap is what must stand between what went by and a record that follows it.
func (e *Ending) Gap() []byte {
	end := bytes.ReplaceAll(e.tail[max(0, len(e.tail)-4):], []byte("\r"), nil)
	switch {
	case len(end) == 0, bytes.HasSuffix(end, []byte("\n")) && e.Framing != SSE, bytes.HasSuffix(end, []byte("\n\n")):
		return nil
	case bytes.HasSuffix(end, []byte("\n")) || e.Framing != SSE:
		return []byte("\n")
	}
	return []byte("\n\n")
}

// Failure is the error with which the server itself ended the stream, "" if it named none.
func (e *Ending) Failure() string {
	last := e.lastLine()
	if e.Framing == SSE {
		last = bytes.TrimSpace(bytes.TrimPrefix(last, []byte("data:")))
	}
	switch {
	case string(e.opening) == errorOpening:
		return cmp.Or(ErrorText(last), "an error whose text is too long to repeat")
	case !e.Framing.Stream(), !bytes.Contains(last, []byte(`"error"`)):
		return ""
	}
	return ErrorText(last)
}

// lastLine is the last line that is not blank, as much of it as was kept.
func (e *Ending) lastLine() []byte {
	end := bytes.TrimRight(e.tail, "\r\n")
	if len(end) == 0 {
		return nil
	}
	return end[bytes.LastIndexByte(end, '\n')+1:]
}

// Tail is the end of the answer, a kilobyte or two of it.
func (e *Ending) Tail() []byte { return e.tail }

// ErrorText is the message in an error body of any dialect, "" where there is none.
func ErrorText(body []byte) string {
	var outer struct{ Error json.RawMessage }
	if json.Unmarshal(body, &outer) != nil || outer.Error == nil {
		return ""
	}
	var text string
	if json.Unmarshal(outer.Error, &text) == nil {
		return text
	}
	var inner struct{ Message string }
	_ = json.Unmarshal(outer.Error, &inner) // an error without a message is an error without a text
	return inner.Message
}
