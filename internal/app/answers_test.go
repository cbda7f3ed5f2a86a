package app

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gollamas/internal/ollamatest"
)

// A question is one that was asked of real servers.
type question struct{ method, path, body string }

// questions reads a file of answers; of the questions that were cut short there it leaves those out.
func questions(t *testing.T, file string) (out []question) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		head, ok := strings.CutPrefix(line, "## ")
		if !ok {
			continue
		}
		method, rest, _ := strings.Cut(head, " ")
		path, rest, _ := strings.Cut(rest, " ")
		end := strings.LastIndexByte(rest, '\'')
		body := rest[1:end]
		if len(body) >= 120 || strings.TrimSpace(rest[end+1:]) != "" {
			continue // cut short, or with headers of its own: surface_test.go has those
		}
		out = append(out, question{method, path, strings.ReplaceAll(body, `\\`, `\`)})
	}
	return out
}

// differs are the questions that gollamas answers otherwise on purpose.
var differs = map[string]string{
	"POST /api/signout":                           "it is one server's account: refused",
	"DELETE /api/user/keys/x":                     "it is one server's account: refused",
	"POST /api/experimental/web_search":           "it is one server's account: refused",
	"POST /api/experimental/web_fetch":            "it is one server's account: refused",
	"GET /api/experimental/model-recommendations": "it is one server's account: refused",
	"GET /api/status":                             "its source says config: the cloud is off because gollamas has it off",
	"GET /v1/models/library%2Ftiny-chain":         "the better answer: a name with a namespace is found",
}

// spelled are the names that only a single Ollama would not find in /api/embeddings.
var spelled = regexp.MustCompile(`"(TINY-chain|tiny-chain:LATEST|REGISTRY\.ollama\.ai/library/tiny-chain:latest)"`)

func onPurpose(q question) bool {
	return differs[q.method+" "+q.path] != "" ||
		strings.HasPrefix(q.path, "/v1/images/") || // gone in v0.33
		q.path == "/api/delete" && strings.Contains(q.body, ":cloud") || // it would delete another: refused
		q.path == "/api/embeddings" && spelled.MatchString(q.body)
}

func TestNoQuestionTellsGollamasFromOneOllama(t *testing.T) {
	for _, version := range []string{"0.24.0", "0.33.0"} {
		s := ollama(t, ollamatest.Options{Version: version, Models: []ollamatest.Model{
			{Name: "tiny-chain"}, {Name: "tiny-random"}, {Name: "tiny-endless"}, {Name: "tiny-embed", Capabilities: []string{"embedding"}},
		}})
		r := start(t, "--connection", "s="+s.URL(), "--watch", "1h", "--manage")
		same, aside := 0, 0
		for _, q := range questions(t, "../ollamatest/testdata/answers-v"+version+".txt") {
			if onPurpose(q) {
				aside++
				continue
			}
			if q.path == "/api/ps" { // what is loaded changes with each question before
				r.server(0).LookAgain()
				eventually(t, func() bool {
					return masked(r.ask(q.method, q.path, q.body)) == masked(ask(t, q.method, s.URL()+q.path, q.body))
				})
			}
			got, want := masked(r.ask(q.method, q.path, q.body)), masked(ask(t, q.method, s.URL()+q.path, q.body))
			if got == want {
				same++
				continue
			}
			t.Errorf("%s %s %s\n got %s\nwant %s", q.method, q.path, q.body, got, want)
		}
		t.Logf("v%s: %d questions answered alike, %d otherwise on purpose", version, same, aside)
		if same < 500 {
			t.Errorf("only %d questions were asked", same)
		}
	}
}

var masks = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`(# FROM (\S+?)\\n\\n)FROM /[^\\]+\\n`), `${1}FROM $2\n`}, // no path of a server's disk
	{regexp.MustCompile(`"(created_at|expires_at|modified_at)":"[^"]*"`), `"$1":"T"`},
	{regexp.MustCompile(`"(created|created_at|completed_at|[a-z_]*duration)":\d+`), `"$1":0`},
	{regexp.MustCompile(`(chatcmpl|cmpl|resp|msg|req|call|fc|rs)[-_][0-9a-zA-Z_]+`), `$1`},
}

// masked is an answer without what differs from one time to the next.
func masked(a reply) string {
	body := a.body
	for _, m := range masks {
		body = m.of.ReplaceAllString(body, m.by)
	}
	h := a.header
	return strconv.Itoa(a.status) + " " + h.Get("Content-Type") + " " + h.Get("Allow") + " " + h.Get("Location") + " " + h.Get("Cache-Control") + "\n" + body
}
