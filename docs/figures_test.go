//go:build unix

package docs

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"gollamas/internal/ollamatest"
)

var metric = regexp.MustCompile(`gollamas_[a-z_]+`)

// TestEveryMetricOfDashboardAndAlertsIsShown runs gollamas, has it do all that is counted, and looks.
func TestEveryMetricOfDashboardAndAlertsIsShown(t *testing.T) {
	shown := metricsOfARun(t)
	for _, file := range []string{"grafana.json", "alerts.yaml"} {
		queries := queriesOf(t, file)
		if len(queries) < 8 {
			t.Errorf("%s has only %d queries", file, len(queries))
		}
		for _, q := range queries {
			if err := balanced(q); err != nil {
				t.Errorf("%s: %s: %v", file, q, err)
			}
			names := metric.FindAllString(q, -1)
			if len(names) == 0 {
				t.Errorf("%s: %s asks for no metric of ours", file, q)
			}
			for _, name := range names {
				if !shown[name] {
					t.Errorf("%s: %s: gollamas shows no %s", file, q, name)
				}
			}
		}
	}
}

// TestThePageNamesEveryMetric keeps the table of metrics in operating.md whole, both ways.
func TestThePageNamesEveryMetric(t *testing.T) {
	data, err := os.ReadFile("operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(data), "| metrics | of |")
	table, _, _ = strings.Cut(table, "\n\n")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(table, -1) {
		named["gollamas_"+m[1]] = true
	}
	shown := metricsOfARun(t)
	for name := range shown {
		base := name
		for _, tail := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, tail)
		}
		if !named[base] && !named[name] {
			t.Errorf("operating.md does not name %s", name)
		}
	}
	seldom := []string{"gollamas_reloads_avoided_total", "gollamas_loading_seconds"} // the run does not bring them about
	for name := range named {
		if !shown[name] && !shown[name+"_count"] && !slices.Contains(seldom, name) {
			t.Errorf("operating.md names %s, which is not shown", name)
		}
	}
}

// metricsOfARun are the names that gollamas shows after requests of every kind.
func metricsOfARun(t *testing.T) map[string]bool {
	t.Helper()
	s := newSession(t, "metrics", nil)
	defer s.end(t)
	s.write(t, "gollamas.yaml", s.swap.Replace(`
connections:
  gaming-pc: {url: "http://gaming-pc:11434", parallel: 1}
  mac-mini: http://mac-mini:11434
models:
  llama3.2: {routes: [gaming-pc, mac-mini], balance: in-order}
  qwen3:8b: gaming-pc
keys:
  - {name: laptop, key: "${LAPTOP_KEY}", requests_per_minute: 12}
shared: redis://`)+free(t)+"\n") // nobody is there
	s.serve(t, block{text: "gollamas --config gollamas.yaml"}, []string{"gollamas --config gollamas.yaml"})
	ask := func(path, body string) {
		req, _ := http.NewRequest(http.MethodPost, "http://"+s.own+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer gk-laptoplaptoplaptoplaptop")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	ask("/api/generate", `{"model":"llama3.2","prompt":"hi"}`)
	ask("/api/generate", `{"model":"qwen3:8b","prompt":"hi","options":{"num_ctx":2048}}`)
	ask("/api/generate", `{"model":"qwen3:8b","prompt":"hi","options":{"num_ctx":8192}}`)
	for _, server := range s.servers {
		defer server.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/chat", Status: 503, Times: 1})()
	}
	ask("/api/chat", `{"model":"llama3.2","messages":[{"role":"user","content":"hi"}]}`)
	for range 12 {
		ask("/v1/chat/completions", `{"model":"llama3.2","messages":[{"role":"user","content":"hi"}]}`)
	}
	for range 100 { // what is loaded is shown behind the next look
		if shown := metricsAt(t, s.admin); shown["gollamas_loaded"] && shown["gollamas_loads_total"] && shown["gollamas_reloads_total"] {
			return shown
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("what was loaded is not shown")
	return nil
}

func metricsAt(t *testing.T, address string) map[string]bool {
	t.Helper()
	res, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^gollamas_[a-z_]+`).FindAllString(string(text), -1) {
		out[m] = true
	}
	return out
}

// queriesOf are the questions to Prometheus in a file, wherever they stand: "expr" is where.
func queriesOf(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if strings.HasSuffix(file, ".json") {
		err = json.Unmarshal(data, &doc)
	} else {
		err = yaml.Unmarshal(data, &doc)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var out []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				if text, ok := value.(string); ok && key == "expr" {
					out = append(out, text)
				}
				walk(value)
			}
		case []any:
			for _, value := range v {
				walk(value)
			}
		}
	}
	walk(doc)
	return out
}

// balanced says which bracket or quote of a query has no partner.
func balanced(query string) error {
	var open []rune
	quoted := false
	for _, c := range query {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("([{", c):
			open = append(open, c)
		case strings.ContainsRune(")]}", c):
			if len(open) == 0 || strings.IndexRune(")]}", c) != strings.IndexRune("([{", open[len(open)-1]) {
				return fmt.Errorf("%c closes nothing", c)
			}
			open = open[:len(open)-1]
		}
	}
	if quoted || len(open) > 0 {
		return fmt.Errorf("something is left open")
	}
	return nil
}

func TestBracketsThatHaveNoPartnerAreFound(t *testing.T) {
	for query, right := range map[string]bool{
		`sum(rate(a{b="c)"}[5m]))`: true, `sum(a`: false, `a)`: false, `a{b="c}`: false, `sum(a]`: false,
	} {
		if err := balanced(query); (err == nil) != right {
			t.Errorf("%s: %v", query, err)
		}
	}
}
