package e2e

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// An ask is one raw request.
type ask struct {
	method, path, body string
}

func (a ask) String() string { return a.method + " " + a.path + " " + a.body }

const hello = `"messages":[{"role":"user","content":"hello"}]`

// asks are what a server and gollamas in front of it must answer alike.
var asks = []ask{
	{"HEAD", "/", ""},
	{"GET", "/", ""},
	{"GET", "/api/version", ""},
	{"HEAD", "/api/version", ""},
	{"GET", "/api/tags", ""},
	{"HEAD", "/api/tags", ""},
	{"GET", "/v1/models", ""},
	{"GET", "/v1/models/tiny-chain", ""},
	{"GET", "/v1/models/Tiny-chain%3Alatest", ""},
	{"GET", "/v1/models/nobody", ""},

	{"GET", "/api/chat", ""},
	{"POST", "/api/tags", ""},
	{"GET", "/api/nothing", ""},
	{"GET", "/api/tags/", ""},
	{"GET", "//api/tags", ""},
	{"POST", "/api/chat/", "{}"},

	{"POST", "/api/chat", `{"model":"tiny-chain",` + hello + `}`},
	{"POST", "/api/chat", `{"model":"tiny-chain","stream":false,` + hello + `}`},
	{"POST", "/api/chat", `{"stream":false,` + hello + `,"options":{"num_predict":3},"model":"TINY-Chain:latest"}`},
	{"POST", "/api/chat", `{"model":"registry.ollama.ai/library/tiny-chain","stream":false,` + hello + `}`},
	{"POST", "/api/chat", `{"model":"nobody","Model":"tiny-chain","stream":false,` + hello + `}`},
	{"POST", "/api/chat", `{"mo\u0064el":"tiny-chain","stream":false,` + hello + `} and more`},
	{"POST", "/api/chat", `{"model":"tiny-chain"}`},
	{"POST", "/api/chat", `{"model":"nobody",` + hello + `}`},
	{"POST", "/api/chat", `{"model":"",` + hello + `}`},
	{"POST", "/api/chat", `{"model":"a b",` + hello + `}`},
	{"POST", "/api/chat", `{"model":7,` + hello + `}`},
	{"POST", "/api/chat", `{"model":"tiny-chain",` + hello + `,"keep_alive":"30"}`},
	{"POST", "/api/chat", `{"model":"tiny-chain",` + hello + `,"options":{"num_ctx":"many"}}`},
	{"POST", "/api/chat", `{"model":"tiny-chain",` + hello + `,"format":"yaml"}`},
	{"POST", "/api/chat", `{"model":"tiny-chain",` + hello + `,"think":true}`},
	{"POST", "/api/chat", `{"model":"tiny-embed",` + hello + `}`},
	{"POST", "/api/chat", `{"model":"any:cloud",` + hello + `}`},
	{"POST", "/api/chat", ``},
	{"POST", "/api/chat", `{"model":`},
	{"POST", "/api/chat", `[]`},

	{"POST", "/api/generate", `{"model":"tiny-chain","prompt":"hello"}`},
	{"POST", "/api/generate", `{"model":"tiny-chain","prompt":"hello","stream":false,"raw":true}`},
	{"POST", "/api/generate", `{"model":"tiny-chain"}`},
	{"POST", "/api/generate", `{"model":"nobody","prompt":"hello"}`},
	{"POST", "/api/generate", `{"prompt":"hello"}`},

	{"POST", "/api/embed", `{"model":"tiny-embed","input":["hello","world"]}`},
	{"POST", "/api/embed", `{"model":"tiny-embed"}`},
	{"POST", "/api/embed", `{"model":"nobody","input":"hello"}`},
	{"POST", "/api/embeddings", `{"model":"tiny-embed","prompt":"hello"}`},
	{"POST", "/api/embeddings", `{"model":"nobody","prompt":"hello"}`},
	{"POST", "/api/show", `{"model":"tiny-chain"}`},
	{"POST", "/api/show", `{"name":"tiny-tools"}`},
	{"POST", "/api/show", `{"model":"nobody"}`},
	{"POST", "/api/show", `{}`},

	{"POST", "/v1/chat/completions", `{"model":"tiny-chain",` + hello + `}`},
	{"POST", "/v1/chat/completions", `{"model":"tiny-chain","stream":true,"stream_options":{"include_usage":true},` + hello + `}`},
	{"POST", "/v1/chat/completions", `{"model":"nobody",` + hello + `}`},
	{"POST", "/v1/chat/completions", `{"model":"nobody"}`},
	{"POST", "/v1/chat/completions", `{"model":"tiny-chain","messages":[]}`},
	{"POST", "/v1/chat/completions", `{"model":"tiny-embed",` + hello + `}`},
	{"POST", "/v1/chat/completions", `{"model":"any:cloud",` + hello + `}`},
	{"POST", "/v1/chat/completions", ``},
	{"POST", "/v1/completions", `{"model":"tiny-chain","prompt":"hello"}`},
	{"POST", "/v1/completions", `{"model":"tiny-chain","prompt":"hello","stream":true}`},
	{"POST", "/v1/completions", `{"model":"nobody","prompt":"hello"}`},
	{"POST", "/v1/embeddings", `{"model":"tiny-embed","input":"hello"}`},
	{"POST", "/v1/embeddings", `{"model":"tiny-embed","input":"hello","encoding_format":"base64"}`},
	{"POST", "/v1/embeddings", `{"model":"nobody"}`},
	{"POST", "/v1/responses", `{"model":"tiny-chain","input":"hello"}`},
	{"POST", "/v1/responses", `{"model":"tiny-chain","input":"hello","stream":true}`},
	{"POST", "/v1/responses", `{"model":"nobody","input":"hello"}`},
	{"POST", "/v1/messages", `{"model":"tiny-chain","max_tokens":99,` + hello + `}`},
	{"POST", "/v1/messages", `{"model":"tiny-chain","max_tokens":99,"stream":true,` + hello + `}`},
	{"POST", "/v1/messages", `{"model":"nobody","max_tokens":99,` + hello + `}`},
	{"POST", "/v1/messages", `{"model":"nobody",` + hello + `}`},
	{"POST", "/v1/messages", `{"model":"tiny-chain","max_tokens":99}`},
	{"POST", "/api/chat", `{"model":"tiny-tools","stream":false,` + hello + `,` + nativeTool + `,"format":` + callFormat + `,"options":{"temperature":0}}`},
	{"POST", "/api/chat", `{"model":"tiny-tools",` + hello + `,` + nativeTool + `,"format":` + callFormat + `,"options":{"temperature":0}}`},
	{"POST", "/api/chat", `{"model":"tiny-chain",` + hello + `,` + nativeTool + `}`},
	{"POST", "/v1/chat/completions", `{"model":"tiny-tools","temperature":0,` + hello + `,` + nativeTool + `,"response_format":{"type":"json_schema","json_schema":{"schema":` + callFormat + `}}}`},
	{"POST", "/v1/chat/completions", `{"model":"tiny-tools","temperature":0,"stream":true,` + hello + `,` + nativeTool + `,"response_format":{"type":"json_schema","json_schema":{"schema":` + callFormat + `}}}`},
	{"POST", "/v1/responses", `{"model":"tiny-tools","temperature":0,"input":"hello",` + responsesTool + `,"text":{"format":{"type":"json_schema","name":"call","schema":` + callFormat + `}}}`},
	{"POST", "/v1/responses", `{"model":"tiny-tools","temperature":0,"stream":true,"input":"hello",` + responsesTool + `,"text":{"format":{"type":"json_schema","name":"call","schema":` + callFormat + `}}}`},
	{"POST", "/v1/messages", `{"model":"tiny-chain","max_tokens":99,` + hello + `,"tools":[{"name":"weather","input_schema":{"type":"object"}}]}`},

	{"GET", "/api/ps", ""},
}

// The tool and the format that make a tiny model call it.
const (
	citySchema    = `{"type":"object","required":["city"],"properties":{"city":{"type":"string","enum":["x"]}}}`
	callFormat    = `{"type":"object","required":["name","parameters"],"properties":{"name":{"type":"string","enum":["weather"]},"parameters":` + citySchema + `}}`
	nativeTool    = `"tools":[{"type":"function","function":{"name":"weather","description":"how it is","parameters":` + citySchema + `}}]`
	responsesTool = `"tools":[{"type":"function","name":"weather","parameters":` + citySchema + `}]`
)

// alone is a server with every model, and gollamas in front of only that.
func alone(t *testing.T, k kind) (direct, through string) {
	t.Helper()
	models := []string{"tiny-chain", "tiny-embed", "tiny-tools"}
	s := k.start(t, models)
	warm(t, s, models)
	return s.url, serve(t, models, "--connection", "only="+s.url)
}

// warm loads the models, so that the first to be asked does not find another server than the second.
func warm(t *testing.T, s *server, models []string) {
	t.Helper()
	for _, m := range models {
		a := raw(t, s.url, ask{"POST", "/api/embed", `{"model":"` + m + `"}`})
		if a.status != http.StatusOK {
			t.Fatalf("loading %s: %+v", m, a)
		}
	}
}

func TestGollamasAnswersAsTheServerBehindItDoes(t *testing.T) {
	onEachKind(t, func(t *testing.T, k kind) {
		direct, through := alone(t, k)
		for _, q := range asks {
			want, got := raw(t, direct, q).masked(), raw(t, through, q).masked()
			if diff := want.differs(got); diff != "" {
				t.Errorf("%s\n%s", q, diff)
			}
		}
		t.Logf("%d requests compared", len(asks))
	})
}

// A rawAnswer is an answer, record by record.
type rawAnswer struct {
	status  int
	header  http.Header
	records []string
}

// compared are the fields of a header that must be the same.
var compared = []string{"Content-Type", "Allow", "Location", "Cache-Control"}

func raw(t *testing.T, url string, q ask) rawAnswer {
	t.Helper()
	req, err := http.NewRequestWithContext(limited(t), q.method, url+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req) // follows no redirect
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return rawAnswer{res.StatusCode, res.Header, strings.SplitAfter(string(body), "\n")}
}

// differs says where two answers are not the same, "" if they are.
func (a rawAnswer) differs(b rawAnswer) string {
	var out []string
	note := func(what string, x, y any) {
		out = append(out, what, " ", toText(x), "\n", strings.Repeat(" ", len(what)), " ", toText(y), "\n")
	}
	if a.status != b.status {
		note("status", a.status, b.status)
	}
	for _, name := range compared {
		if x, y := a.header[name], b.header[name]; !slices.Equal(x, y) {
			note(name, x, y)
		}
	}
	if len(a.records) != len(b.records) {
		note("records", len(a.records), len(b.records))
	}
	for i := range min(len(a.records), len(b.records)) {
		if a.records[i] != b.records[i] {
			note("record", a.records[i], b.records[i])
			break
		}
	}
	return strings.Join(out, "")
}
