package app

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// operated starts gollamas with an operator's address.
func operated(t *testing.T, flags ...string) *running {
	t.Helper()
	return start(t, append([]string{"--admin", "127.0.0.1:0"}, flags...)...)
}

// metrics reads every series of ours from the operator's address.
func (r *running) metrics() map[string]float64 {
	r.t.Helper()
	page := ask(r.t, "GET", r.ops+"/metrics", "")
	if page.status != 200 || !strings.HasPrefix(page.header.Get("Content-Type"), "text/plain") {
		r.t.Fatalf("%d %v %v", page.status, page.header, page.err)
	}
	out := map[string]float64{}
	for line := range strings.Lines(page.body) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && strings.HasPrefix(line, "gollamas_") {
			value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
			if err != nil {
				r.t.Fatalf("%s: %v", line, err)
			}
			out[line[:i]] = value
		}
	}
	return out
}

// shows waits until each series has its value; below zero: there is no such series.
func (r *running) shows(want map[string]float64) {
	r.t.Helper()
	wrong := ""
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		have := r.metrics()
		wrong = ""
		for _, series := range slices.Sorted(maps.Keys(want)) {
			if v, ok := have[series]; ok != (want[series] >= 0) || ok && v != want[series] {
				wrong += fmt.Sprintf("%s is %v (there: %v), want %v\n", series, v, ok, want[series])
			}
		}
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			maps.DeleteFunc(have, func(series string, _ float64) bool { return strings.Contains(series, "_bucket{") })
			r.t.Fatalf("%sthere is\n%s", wrong, strings.Join(slices.Sorted(maps.Keys(have)), "\n"))
		}
	}
}

// between checks a series whose value is a time.
func (r *running) between(series string, least, most float64) {
	r.t.Helper()
	if v := r.metrics()[series]; v < least || v > most {
		r.t.Errorf("%s is %v, want %v to %v", series, v, least, most)
	}
}

// file writes settings that have no flag.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gollamas.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRequestsAreCountedByEndpointModelServerAndCode(t *testing.T) {
	s := ollama(t, with("tiny-chain", "other-chain"))
	r := operated(t, "--connection", "s="+s.URL(), "--proxy", "Tiny-Chain=s", "--proxy", "other*=s", "--alias", "gpt=tiny-chain")
	r.post("/api/chat", chat).want(t, 200, "done")
	r.post("/v1/chat/completions", `{"model":"gpt","messages":[{"role":"user","content":"x"}]}`).want(t, 200, "")
	r.post("/api/generate", `{"model":"other-chain:latest"}`).want(t, 200, "")
	r.post("/api/chat", `{"model":"nope","messages":[]}`).want(t, 404, "")
	r.post("/api/show", `{"model":"tiny-chain"}`).want(t, 200, "")
	r.get("/api/tags").want(t, 200, "")
	r.get("/nowhere").want(t, 404, "")
	r.exchange(7)
	r.shows(map[string]float64{
		`gollamas_requests_total{code="200",endpoint="/api/chat",model="Tiny-Chain",server="s"}`:            1,
		`gollamas_requests_total{code="200",endpoint="/v1/chat/completions",model="Tiny-Chain",server="s"}`: 1,
		`gollamas_requests_total{code="200",endpoint="/api/generate",model="other-chain",server="s"}`:       1,
		`gollamas_requests_total{code="404",endpoint="/api/chat",model="other",server="none"}`:              1,
		`gollamas_requests_total{code="200",endpoint="/api/show",model="Tiny-Chain",server="s"}`:            1,
		`gollamas_requests_total{code="200",endpoint="/api/tags",model="other",server="none"}`:              1,
		`gollamas_requests_total{code="404",endpoint="other",model="other",server="none"}`:                  1,
		`gollamas_in_flight{model="Tiny-Chain",server="s"}`:                                                 0, // gauges call it alike
		// the times are of requests that had the model work
		`gollamas_request_seconds_count{model="Tiny-Chain",server="s"}`:            2,
		`gollamas_request_first_byte_seconds_count{model="Tiny-Chain",server="s"}`: 2,
		`gollamas_request_first_byte_seconds_count{model="other",server="none"}`:   0, // a refusal is no answer
	})
}

func TestARequestWhoseClientLeftIsCountedAs499(t *testing.T) {
	o := with("tiny-chain")
	o.Load = time.Minute
	s := ollama(t, o)
	r := operated(t, "--connection", "s="+s.URL())
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		req, _ := http.NewRequestWithContext(ctx, "POST", r.url+"/api/chat", strings.NewReader(chat))
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}()
	r.shows(map[string]float64{`gollamas_in_flight{model="tiny-chain",server="s"}`: 1})
	leave()
	<-over
	r.shows(map[string]float64{
		`gollamas_requests_total{code="499",endpoint="/api/chat",model="tiny-chain",server="none"}`: 1,
		`gollamas_attempts_total{server="s",why="left"}`:                                            1,
		`gollamas_in_flight{model="tiny-chain",server="s"}`:                                         0,
	})
}

func TestTimesGapsAndTokensAreMeasured(t *testing.T) {
	o := with("tiny-chain")
	o.Pace = 10 * time.Millisecond
	s := ollama(t, o)
	r := operated(t, "--connection", "s="+s.URL())
	r.post("/api/chat", chat).want(t, 200, `"done":true`)
	x := r.exchange(1)
	of := `{model="tiny-chain",server="s"}`
	r.shows(map[string]float64{
		`gollamas_request_seconds_count` + of:            1,
		`gollamas_request_seconds_sum` + of:              x.Total.Seconds(),
		`gollamas_request_first_byte_seconds_count` + of: 1,
		`gollamas_request_first_byte_seconds_sum` + of:   x.First.Seconds(),
		`gollamas_chunk_gap_seconds_sum` + of:            x.Gaps.Sum.Seconds(),
		`gollamas_prompt_tokens_total` + of:              float64(x.Usage.Prompt),
		`gollamas_answer_tokens_total` + of:              16, // and the end counts as one
	})
	r.between(`gollamas_chunk_gap_seconds_count`+of, 5, 15) // 16 records; some may arrive together
	r.between(`gollamas_chunk_gap_seconds_bucket{model="tiny-chain",server="s",le="0.005"}`, 0, 5)
	r.between(`gollamas_request_seconds_sum`+of, .15, 5)
	if x.Usage.Prompt == 0 {
		t.Error("no tokens")
	}
}

func TestWaitingAndWorkingShowWhileTheyLastAndAreMeasuredAfter(t *testing.T) {
	o := with("tiny-chain")
	o.Pace = 20 * time.Millisecond
	s := ollama(t, o)
	r := operated(t, "--config", file(t, "connections: {s: {url: "+s.URL()+", parallel: 1}}\n"))
	r.shows(map[string]float64{`gollamas_queued{model="tiny-chain"}`: -1}) // nobody has asked for it
	answers := make(chan reply)
	for range 2 {
		go func() { answers <- r.post("/api/chat", chat) }()
	}
	r.shows(map[string]float64{`gollamas_in_flight{model="tiny-chain",server="s"}`: 1, `gollamas_queued{model="tiny-chain"}`: 1})
	for range 2 {
		(<-answers).want(t, 200, "done")
	}
	r.exchange(2)
	r.shows(map[string]float64{
		`gollamas_in_flight{model="tiny-chain",server="s"}`: 0, `gollamas_queued{model="tiny-chain"}`: 0,
		`gollamas_queue_wait_seconds_count{model="tiny-chain"}`: 2,
	})
	r.between(`gollamas_queue_wait_seconds_sum{model="tiny-chain"}`, .1, 5)
	r.between(`gollamas_queue_wait_seconds_bucket{model="tiny-chain",le="0.05"}`, 1, 1)
}

func TestLoadsAreCountedAndWhatIsLoadedIsShown(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "tiny-chain", Load: 120 * time.Millisecond, Loaded: 3_000_000, Spill: 1_000_000}}})
	r := operated(t, "--connection", "s="+s.URL(), "--watch", "100ms")
	of, again := `{model="tiny-chain",server="s"}`, `gollamas_reloads_total{model="tiny-chain",option="num_ctx",server="s"}`
	r.shows(map[string]float64{`gollamas_loaded` + of: -1, `gollamas_loads_total` + of: -1})
	r.post("/api/chat", chat).want(t, 200, "done")
	r.post("/api/chat", chat).want(t, 200, "done")
	r.exchange(2)
	r.shows(map[string]float64{
		`gollamas_loads_total` + of: 1, again: -1, `gollamas_load_seconds_count` + of: 1, `gollamas_load_wait_seconds_count{model="tiny-chain"}`: 1,
		`gollamas_loaded` + of: 1, `gollamas_loaded_bytes` + of: 3_000_000, `gollamas_loaded_vram_bytes` + of: 2_000_000, `gollamas_loaded_context_tokens` + of: 4096,
	})
	r.between(`gollamas_load_seconds_sum`+of, .12, 5)
	r.between(`gollamas_load_wait_seconds_sum{model="tiny-chain"}`, .12, 5)
	r.post("/api/generate", `{"model":"tiny-chain","prompt":"x","options":{"num_ctx":8192}}`).want(t, 200, "done")
	r.exchange(3)
	r.shows(map[string]float64{`gollamas_loads_total` + of: 2, again: 1, `gollamas_load_seconds_count` + of: 2, `gollamas_loaded_context_tokens` + of: 8192})
	s.Stop() // what a box has loaded that does not answer is not known
	r.server(0).LookAgain()
	r.shows(map[string]float64{`gollamas_server_up{server="s"}`: 0, `gollamas_loaded` + of: -1, `gollamas_loaded_bytes` + of: -1})
}

func TestALoadIsCountedOnceForHoweverManyWaitAndWhoeverLeaves(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "tiny-chain", Load: 300 * time.Millisecond}}})
	r := operated(t, "--connection", "s="+s.URL())
	of := `{model="tiny-chain",server="s"}`
	ctx, leave := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			req, _ := http.NewRequestWithContext(ctx, "POST", r.url+"/api/chat", strings.NewReader(chat))
			if res, err := http.DefaultClient.Do(req); err == nil {
				res.Body.Close()
			}
		})
	}
	r.shows(map[string]float64{`gollamas_in_flight` + of: 5})
	r.between(`gollamas_loading_seconds`+of, .001, 5)
	leave()
	clients.Wait()
	r.shows(map[string]float64{`gollamas_loads_total` + of: 1, `gollamas_load_seconds_count` + of: 1, `gollamas_loading_seconds` + of: -1})
	r.post("/api/chat", chat).want(t, 200, "done")
	r.shows(map[string]float64{`gollamas_loads_total` + of: 1, `gollamas_load_wait_seconds_count{model="tiny-chain"}`: 5})
}

func TestReloadsThatRulesOrTheChoiceOfServersSpareAreCounted(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL(), "--enforce-num-ctx", "8192")
	ask := func(more string) {
		r.post("/api/generate", `{"model":"tiny-chain","prompt":"x"`+more+`}`).want(t, 200, "done")
	}
	ask("")
	ask(`,"options":{"num_ctx":8192}`)
	ask(`,"options":{"num_ctx":2048}`)
	r.exchange(3)
	r.shows(map[string]float64{
		`gollamas_reloads_avoided_total{model="tiny-chain",option="num_ctx",server="s"}`: 2,
		`gollamas_reloads_total{model="tiny-chain",option="num_ctx",server="s"}`:         -1,
		`gollamas_loads_total{model="tiny-chain",server="s"}`:                            1,
	})
	ask(`,"options":{"num_ctx":8192,"num_batch":64}`)
	r.exchange(4)
	r.shows(map[string]float64{`gollamas_reloads_total{model="tiny-chain",option="num_batch",server="s"}`: 1})
}

func TestALoadThatWasRefusedIsNone(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL(), "--watch", "1h")
	s.Remove("tiny-chain")
	r.post("/api/chat", chat).want(t, 404, "")
	r.exchange(1)
	r.shows(map[string]float64{`gollamas_loads_total{model="tiny-chain",server="s"}`: -1})
}

func TestAServerShowsAsUpWhileItIs(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL(), "--watch", "100ms")
	r.shows(map[string]float64{`gollamas_server_up{server="s"}`: 1, `gollamas_server_breaker_open{server="s"}`: 0})
	s.Stop()
	r.shows(map[string]float64{`gollamas_server_up{server="s"}`: 0})
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	r.shows(map[string]float64{`gollamas_server_up{server="s"}`: 1})
}

func TestAttemptsAndFailoversAreCountedByWhatBecameOfThem(t *testing.T) {
	for why, fault := range map[string]ollamatest.Fault{
		"broke":     {Kind: ollamatest.Refuse},
		"full":      {Kind: ollamatest.Status, Status: 503, Body: `{"error":"busy"}`},
		"missing":   {Kind: ollamatest.Status, Status: 404, Body: `{"error":"model 'tiny-chain' not found"}`},
		"failed":    {Kind: ollamatest.DieLoading},
		"unreached": {},
	} {
		t.Run(why, func(t *testing.T) {
			a, b := ollama(t, with("tiny-chain")), ollama(t, with("tiny-chain"))
			r := operated(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--proxy", "tiny-chain=a", "--proxy", "tiny-chain=b", "--balance", "in-order", "--watch", "1h")
			if fault.Kind != ollamatest.DieLoading {
				fault.Path = "/api/chat"
			}
			if a.Fault(fault); why == "unreached" {
				a.Stop()
			}
			r.post("/api/chat", chat).want(t, 200, "done")
			r.exchange(1)
			r.shows(map[string]float64{
				`gollamas_attempts_total{server="a",why="` + why + `"}`: 1, `gollamas_attempts_total{server="b",why="served"}`: 1,
				`gollamas_failovers_total{why="` + why + `"}`: 1, `gollamas_failovers_total{why="served"}`: -1,
			})
		})
	}
}

func TestBreakersShowWhileTheyAreOpen(t *testing.T) {
	s := ollama(t, with("tiny-chain", "other-chain", "third-chain"))
	r := operated(t, "--connection", "s="+s.URL())
	body := func(model string) string { return strings.Replace(chat, "tiny-chain", model, 1) }
	fail := func(model string) {
		s.Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: model})
		for range 3 {
			r.post("/api/chat", body(model)).want(t, 500, "")
		}
	}
	fail("tiny-chain")
	r.post("/api/chat", body("other-chain")).want(t, 200, "done")
	r.shows(map[string]float64{
		`gollamas_breaker_open{model="tiny-chain",server="s"}`: 1, `gollamas_breaker_open{model="other-chain",server="s"}`: 0,
		`gollamas_server_breaker_open{server="s"}`: 0,
	})
	fail("tiny-chain")
	fail("third-chain")
	r.shows(map[string]float64{`gollamas_breaker_open{model="third-chain",server="s"}`: 1, `gollamas_server_breaker_open{server="s"}`: 1})
}

func TestAThousandMadeUpModelsAreOneLabelValue(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	// a server nobody has seen may have any model, so requests for made-up ones try it
	r := operated(t, "--connection", "s="+s.URL(), "--connection", "dead=http://127.0.0.1:1", "--proxy", "*=s", "--proxy", "*=dead", "--proxy", "exact=s", "--watch", "1h")
	made := func(n int) {
		r.post("/api/chat", fmt.Sprintf(`{"model":"made-up-%d:%d","messages":[{"role":"user","content":"x"}]}`, n, n))
	}
	made(0)
	made(1)
	r.exchange(2)
	before := r.metrics()
	for n := range 1000 {
		made(n + 2)
	}
	r.exchange(1002)
	after := r.metrics()
	other := 0.0
	for series, v := range after {
		if _, had := before[series]; !had {
			t.Errorf("a new series: %s", series)
		}
		if strings.HasPrefix(series, "gollamas_requests_total") && strings.Contains(series, `model="other"`) {
			other += v
		}
	}
	if other != 1002 {
		t.Errorf("%v requests for other models, want 1002: %v", other, after)
	}
}

func TestTheRuntimeIsMeasuredToo(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	page := ask(t, "GET", operated(t, "--connection", "s="+s.URL()).ops+"/metrics", "").body
	for _, want := range []string{"\ngo_goroutines ", "\ngo_memstats_heap_inuse_bytes "} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestWhatAKeyHasTakenIsCounted(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	file := filepath.Join(t.TempDir(), "gollamas.yaml")
	text := "connections: {s: '" + s.URL() + "'}\nkeys: [{name: laptop, key: " + secretSome + ", requests_per_minute: 2}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := operated(t, "--config", file)
	for range 3 {
		r.ask("POST", "/api/chat", chat, "X-Api-Key", secretSome)
	}
	r.ask("GET", "/api/tags", "", "X-Api-Key", secretSome)
	r.ask("GET", "/api/tags", "", "X-Api-Key", "nobodys")
	r.shows(map[string]float64{
		`gollamas_key_requests_total{key="laptop"}`:                                            4,
		`gollamas_key_refused_total{key="laptop",limit="requests"}`:                            1,
		`gollamas_key_refused_total{key="laptop",limit="tokens"}`:                              0,
		`gollamas_key_prompt_tokens_total{key="laptop"}`:                                       6,
		`gollamas_key_answer_tokens_total{key="laptop"}`:                                       32,
		`gollamas_requests_total{code="401",endpoint="/api/tags",model="other",server="none"}`: 1,
		`gollamas_key_requests_total{key="nobodys"}`:                                           -1,
	})
	if page := ask(t, "GET", r.ops+"/metrics", ""); strings.Contains(page.body, secretSome) {
		t.Error("a secret stands in the metrics")
	}
}
