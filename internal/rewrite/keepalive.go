package rewrite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A KeepAlive is how long a model stays in a server's memory behind its last request; 0 = not at all.
type KeepAlive time.Duration

// Forever is any duration below zero: Ollama makes this of it.
const Forever KeepAlive = math.MaxInt64

// ParseKeepAlive reads what an operator writes: 30m, a number of seconds, 0, or -1 for ever.
func ParseKeepAlive(text string) (KeepAlive, error) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if k, ok := seconds(n); ok {
			return k, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil {
		return lasting(d), nil
	}
	return 0, fmt.Errorf("%q is not a duration: write it like 30m, 1h30m or 90 (seconds); 0 = unload at once, -1 = keep for ever", text)
}

// seconds reads a number as Ollama does, but one so large that it has none for it.
func seconds(n float64) (KeepAlive, bool) {
	if n < 0 {
		return Forever, true
	}
	ns := n * float64(time.Second)
	return KeepAlive(ns), ns < math.MaxInt64 // false where it is not a number
}

func lasting(d time.Duration) KeepAlive {
	if d < 0 {
		return Forever
	}
	return KeepAlive(d)
}

// ReadKeepAlive reads a request's keep_alive, which is JSON: a number of seconds or a text such as
// "30m", below zero for ever (Duration.UnmarshalJSON in Ollama's api/types.go). ok is false where it is neither.
func ReadKeepAlive(raw []byte) (k KeepAlive, ok bool) {
	if raw[0] != '"' {
		n, isNumber := number(raw)
		k, fits := seconds(n)
		return k, isNumber && fits
	}
	text := string(raw[1 : len(raw)-1])
	if bytes.IndexByte(raw, '\\') >= 0 && json.Unmarshal(raw, &text) != nil {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	return lasting(d), err == nil
}

// Takes says whether Ollama takes a request's keep_alive, which is JSON, be it for a duration that is none.
func Takes(raw []byte) bool {
	if _, isNumber := number(raw); isNumber {
		return true
	}
	_, ok := ReadKeepAlive(raw)
	return ok
}

// Is says whether a request's keep_alive, which is JSON, means this duration.
func (k KeepAlive) Is(raw []byte) bool {
	asked, ok := ReadKeepAlive(raw)
	return ok && asked == k
}

// number reads a value in JSON as the float that encoding/json makes of a number.
func number(raw []byte) (float64, bool) {
	if raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	return n, err == nil
}

// String is the duration as people read it, -1 for ever.
func (k KeepAlive) String() string {
	if k == Forever {
		return "-1"
	}
	return time.Duration(k).String()
}

// JSON is the duration as Ollama's own client sends it.
func (k KeepAlive) JSON() []byte {
	if k == Forever {
		return []byte("-1")
	}
	return []byte(`"` + k.String() + `"`)
}
