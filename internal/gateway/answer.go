package gateway

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"

	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// An Answer is what gollamas says itself.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Why    string // for the log, where the body does not say

	Attempts []proxy.Attempt // for the log and the metrics: servers that were asked, all at the same time
}

// The content types Ollama sends: gin's own, and the bare one its /v1 handlers set.
const (
	typeJSON     = "application/json; charset=utf-8"
	typeBareJSON = "application/json"
	typeHTML     = "text/html; charset=utf-8"
)

func answer(status int, contentType string, body []byte) Answer {
	return Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: body}
}

func plain(status int, text string) Answer {
	return answer(status, "text/plain", []byte(text))
}

func jsonAnswer(contentType string, v any) Answer {
	b, err := json.Marshal(v)
	if err != nil {
		return answer(http.StatusInternalServerError, typeJSON, ollama.ErrorBody(ollama.Native, http.StatusInternalServerError, err.Error()))
	}
	return answer(http.StatusOK, contentType, b)
}

// refusal is an error in a dialect, as Ollama's request parsing gives it.
func refusal(d ollama.Dialect, status int, text string) Answer {
	return answer(status, typeJSON, ollama.ErrorBody(d, status, text))
}

// handlerRefusal is an error as Ollama's handlers give it: on /v1 it passes
// through a writer with a content type and a line end of its own.
func handlerRefusal(d ollama.Dialect, status int, text string) Answer {
	a := refusal(d, status, text)
	if d != ollama.Native {
		a.Header.Set("Content-Type", typeBareJSON)
		a = withNewline(a)
	}
	return a
}

func redirect(method, to, query string, code int) *Answer {
	target := (&url.URL{Path: to, RawQuery: query}).String()
	a := Answer{Status: code, Header: http.Header{"Location": {target}}}
	if method == http.MethodGet || method == http.MethodHead {
		a.Header.Set("Content-Type", typeHTML)
	}
	if method == http.MethodGet {
		a.Body = []byte(`<a href="` + html.EscapeString(target) + `">` + http.StatusText(code) + "</a>.\n\n")
	}
	return &a
}
