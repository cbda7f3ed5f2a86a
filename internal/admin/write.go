package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// text answers a person.
func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.TrimSuffix(body, "\n") + "\n")) // #nosec G705 -- it is text/plain, and nosniff; who is gone is not told
}

// object answers a program, and a person who looks over its shoulder.
func object(w http.ResponseWriter, v any) { answer(w, http.StatusOK, v) }

func answer(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer // whole before it is sent: half an answer would say 200
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(v); err != nil {
		text(w, http.StatusInternalServerError, visible(err.Error()))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // who is gone is not told
}

// visible takes control characters out of what came from outside: it could steer a terminal.
func visible(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}

// seconds is a duration as programs take it.
func seconds(d time.Duration) float64 { return d.Round(time.Microsecond).Seconds() }

// since is how long ago t was, 0 where it never was.
func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return seconds(now.Sub(t))
}

// moment is a time as people and programs take it: RFC 3339, in UTC. Some come from
// servers, and one whose year has no four digits is none: JSON could not hold it.
func moment(t time.Time) time.Time {
	t = t.UTC()
	if y := t.Year(); t.IsZero() || y < 0 || y > 9999 {
		return time.Time{}
	}
	return t.Truncate(time.Millisecond)
}

// list is each of from as it is shown; a list is never null.
func list[F, T any](from []F, show func(F) T) []T {
	out := make([]T, 0, len(from))
	for _, f := range from {
		out = append(out, show(f))
	}
	return out
}
