package ollamatest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAnswers asks the pretend server what real ones were asked, and compares: the status, the
// headers on record, and the body to the letter where it is not masked. No difference is allowed.
func TestAnswers(t *testing.T) {
	for _, r := range records {
		t.Run(r.file, func(t *testing.T) { r.compare(t) })
	}
}

// A recorded is one file of answers, and what its server was like.
type recorded struct {
	file, version string
	words         []string // that the models say
	pictureWords  []string // that tiny-chain says when shown a picture
	tokens        func(string) int
	loaded        []string         // before the first question
	sizes         map[string]int64 // on disk
	memory        map[string]int64 // when loaded
	gpu           bool
	cut           bool // questions are on record for 120 characters only, as Python writes them
}

var records = []recorded{
	{
		file: "answers-v0.24.0.txt", cut: true, version: "0.24.0", words: words, pictureWords: words, tokens: letters,
		loaded: []string{"tiny-embed", "tiny-random", "tiny-endless"}, sizes: diskSizes,
		memory: map[string]int64{"tiny-random": 603200, "tiny-endless": 603200, "tiny-chain": 571072, "tiny-embed": 4649600},
	},
	// What else the real server was asked while this package was written.
	{file: "answers-v0.24.0-more.txt", version: "0.24.0", words: words, pictureWords: words, tokens: letters, sizes: diskSizes},
	{
		// This server had a stand-in runner, which says what a question tells it to.
		file: "answers-v0.33.0.txt", cut: true, version: "0.33.0", words: []string{"the", " quick", " brown"},
		pictureWords: append([]string{"the", " quick", " brown", " fox", " jumps", " over", " the"}, words[6:]...),
		tokens:       func(s string) int { return len(strings.Fields(strings.ReplaceAll(s, "]", "] "))) },
		loaded:       []string{"tiny-embed", "tiny-chain"},
		sizes:        map[string]int64{"tiny-random": 158692, "tiny-endless": 158692, "tiny-chain": 83012, "tiny-embed": 114082},
		memory:       map[string]int64{"tiny-random": 158560, "tiny-endless": 158560, "tiny-chain": 82848, "tiny-embed": 113920},
		gpu:          true,
	},
}

var diskSizes = map[string]int64{"tiny-random": 158880, "tiny-endless": 158880, "tiny-chain": 83200, "tiny-embed": 114270}

// letters are the tokens of the tiny models: they know few words.
func letters(s string) int {
	if s == "" {
		return 1
	}
	return 2 + len(s)
}

// An exchange is one recorded question and its answer.
type exchange struct {
	method, path, body string
	header             map[string]string
	status             int
	answer             map[string]string // headers
	text               string
	cut                bool // the question was not recorded to its end
}

func (q exchange) String() string { return q.method + " " + q.path + " " + q.body }

func (r recorded) compare(t *testing.T) {
	s, err := Start(Options{Version: r.version, Models: r.models()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, name := range r.loaded {
		s.ask(t, exchange{method: "POST", path: "/api/embed", body: `{"model":"` + name + `"}`})
	}
	questions := r.read(t)
	equal, cut := 0, 0
	for i, q := range questions {
		r.before(s, q, i > len(questions)/2)
		if q.cut {
			cut++
		}
		if problem := s.same(t, q, r.version); problem != "" {
			t.Errorf("%s: %s", q, problem)
			continue
		}
		equal++
	}
	for _, d := range differs {
		t.Logf("not compared where the question has %s: %s (%s)", d.question, d.values, d.reason)
	}
	if r.version != "0.24.0" {
		t.Logf("not compared: %s (the stand-in runner counts what it says in another way)", counts)
	}
	t.Logf("%d questions compared, %d equal, none left out; %d were on record without their end, which was added", len(questions), equal, cut)
}

func (r recorded) models() []Model {
	var list []Model
	for _, name := range []string{"tiny-random", "tiny-embed", "tiny-chain", "tiny-endless"} {
		m := Model{
			Name: name, Size: r.sizes[name], Loaded: r.memory[name], Words: r.words, Tokens: r.tokens,
			Family: "llama", Parameters: "36K", Quantization: "F16",
		}
		switch name {
		case "tiny-random", "tiny-endless":
			m.Parameters = "68K"
		case "tiny-embed":
			m.Family, m.Context, m.Capabilities = "bert", 512, []string{"embedding"}
			if r.tokens("") == 1 {
				m.Tokens = func(s string) int { return 2 + len(s) } // it marks both ends
			}
		}
		if !r.gpu {
			m.Spill = m.Loaded
		}
		list = append(list, m)
	}
	return list
}

// before brings the server where the recorded one was at this question.
func (r recorded) before(s *Server, q exchange, late bool) {
	if q.path == "/api/ps" && late {
		// The recorded server holds three models at most.
		s.memory.expire(s.library.find(parseName("tiny-endless")))
	}
	chain := r.models()[2]
	if strings.Contains(q.body, `"images"`) {
		chain.Words = r.pictureWords
	}
	s.Install(chain)
}

type answer struct {
	status int
	header http.Header
	text   string
}

func (s *Server) ask(t *testing.T, q exchange) answer {
	t.Helper()
	req, err := http.NewRequest(q.method, s.URL()+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if q.body == "" {
		req.Body = http.NoBody
	}
	for k, v := range q.header {
		if k == "Host" {
			req.Host = v
			continue
		}
		req.Header.Set(k, strings.Replace(v, "127.0.0.1:P", strings.TrimPrefix(s.URL(), "http://"), 1))
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	if len(res.TransferEncoding) > 0 {
		res.Header.Set("Transfer-Encoding", res.TransferEncoding[0])
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

var onRecord = []string{"content-type", "allow", "location", "transfer-encoding", "cache-control", "connection", "access-control-allow-origin"}

// same asks, and says what is not the same.
func (s *Server) same(t *testing.T, q exchange, version string) string {
	a := s.ask(t, q)
	if a.status != q.status {
		return fmt.Sprintf("status %d, not %d: %s", a.status, q.status, a.text)
	}
	for _, k := range onRecord {
		if got := a.header.Get(k); got != q.answer[k] {
			return fmt.Sprintf("%s is %q, not %q", k, got, q.answer[k])
		}
	}
	want := regexp.MustCompile(pattern(q.String(), q.text, version))
	for _, text := range orders(q.path, a.text) {
		if want.MatchString(text) {
			return ""
		}
	}
	return fmt.Sprintf("\n got %q\nwant %q", a.text, q.text)
}

var (
	zeros  = regexp.MustCompile(`\[<f>(,0)+\]`) // a vector whose zeros were not masked
	counts = regexp.MustCompile(`("(?:eval_count|completion_tokens|total_tokens|output_tokens)"):\d+`)
	masks  = strings.NewReplacer(
		"<time>", `[^"]+`, "<sha>", `[0-9a-f]{64}`, "<n>", `\d+`, "<id>", `[0-9a-z]+`,
		"<vec>", `[-0-9.e,]+`, "<ids>", `[0-9,]+`, "<b64>", `[A-Za-z0-9+/=]+`, "…", `(?s:.*)`,
	)
)

// differs are the values that are not the same, and why.
var differs = []struct{ question, values, reason string }{
	{`"system":`, `("(?:input|total)_tokens"):\d+`, "the tiny models' template has no place for it; here it is counted"},
	{`"instructions":`, `("(?:input|total)_tokens"):\d+`, "as system"},
	{`"function_call_output"`, `("(?:input|total)_tokens"):\d+`, "as system"},
}

// pattern matches an answer that is the recorded one but for what was masked. The stand-in
// runner of v0.33 counts the tokens it says in another way.
func pattern(question, text, version string) string {
	text = zeros.ReplaceAllString(text, "[<vec>]")
	for _, d := range differs {
		if strings.Contains(question, d.question) {
			text = regexp.MustCompile(d.values).ReplaceAllString(text, "$1:<n>")
		}
	}
	text = strings.Replace(text, `"version":"0.0.0"`, `"version":"`+version+`"`, 1) // they were built without one
	if version != "0.24.0" {
		text = counts.ReplaceAllString(text, "$1:<n>")
	}
	return "^" + masks.Replace(regexp.QuoteMeta(text)) + "$"
}

// orders are the answers that would do: lists come in random order from Ollama when models are of
// the same second.
func orders(path, text string) []string {
	path, _, _ = strings.Cut(path, "?")
	if !slices.Contains([]string{"/api/tags", "/v1/models", "/api/ps"}, path) || !strings.HasPrefix(text, "{") {
		return []string{text}
	}
	i, j := strings.Index(text, "[")+1, strings.LastIndex(text, "]")
	entries := regexp.MustCompile(`,(\{"(?:name|id)")`).ReplaceAllString(text[i:j], "\x00$1")
	var list []string
	for _, order := range permutations(strings.Split(entries, "\x00")) {
		list = append(list, text[:i]+strings.Join(order, ",")+text[j:])
	}
	return list
}

func permutations(list []string) [][]string {
	if len(list) < 2 {
		return [][]string{list}
	}
	var all [][]string
	for i, first := range list {
		rest := slices.Concat(list[:i], list[i+1:])
		for _, p := range permutations(rest) {
			all = append(all, append([]string{first}, p...))
		}
	}
	return all
}

// The bodies on record end after 120 characters. These are the ends of those that were longer.
var ends = map[string]string{
	`"stream":`:                   ` false}`,
	`"stream"`:                    `: false}`,
	`"max_toke`:                   `ns": 9}`,
	`"max_tok`:                    `ens": 9}`,
	`"stream_options": {"include`: `_usage": true}}`,
	`"function": `:                `{"name": "f"}}]}`,
	`a a a a a a a `:              strings.Repeat("a ", 600) + `", "truncate": false}`,
}

func whole(t *testing.T, body string) (text string, cut bool) {
	if len(body) < 120 {
		return body, false
	}
	for cut, end := range ends {
		if strings.HasSuffix(body, cut) {
			return body + end, true
		}
	}
	t.Fatalf("no end for the body %s", body)
	return "", false
}

var question = regexp.MustCompile(`^## (\S+) (\S+) '(.*)' ?(\{.*\})?$`)

func (r recorded) read(t *testing.T) []exchange {
	b, err := os.ReadFile("testdata/" + r.file)
	if err != nil {
		t.Fatal(err)
	}
	var list []exchange
	for _, part := range strings.Split("\n"+strings.TrimSuffix(string(b), "\n"), "\n## ")[1:] {
		head, rest, _ := strings.Cut(part, "\n   ")
		m := question.FindStringSubmatch("## " + head)
		status, text, _ := strings.Cut(rest, "\n   ")
		if m == nil {
			t.Fatalf("not a question: %q", head)
		}
		q := exchange{method: m[1], path: m[2], body: m[3], header: dict(m[4]), text: strings.ReplaceAll(text, "\n   ", "\n")}
		if r.cut {
			q.body, q.cut = whole(t, strings.ReplaceAll(q.body, `\\`, `\`))
		}
		code, headers, _ := strings.Cut(status, " ")
		q.status, _ = strconv.Atoi(code)
		q.answer = dict(headers)
		list = append(list, q)
	}
	return list
}

var pair = regexp.MustCompile(`'([^']*)': '([^']*)'`)

func dict(s string) map[string]string {
	m := map[string]string{}
	for _, p := range pair.FindAllStringSubmatch(s, -1) {
		m[p[1]] = p[2]
	}
	return m
}
