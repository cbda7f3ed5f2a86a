package app

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
	"gollamas/internal/telemetry"
)

// op asks the operator's address.
func (r *running) op(path string, fields ...string) reply {
	r.t.Helper()
	return ask(r.t, "GET", r.ops+path, "", fields...)
}

// into reads an answer's JSON.
func (a reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil || a.status != 200 || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v %v %s", a.status, a.header, err, a.body)
	}
}

func TestTheOperatorsAddressSaysWhatItHas(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL())
	eventually(t, func() bool { // it is said once it can be asked
		return strings.Contains(r.log.String(), `"msg":"operator's address","address":"127.0.0.1:`)
	})
	pages := []string{"/metrics", "/healthz", "/readyz", "/api/state", "/api/explain?model=NAME"}
	for path, status := range map[string]int{"/": 200, "/nothing": 404, "/debug/pprof/": 404, "/api/chat": 404, "/healthz/": 404} {
		got := r.op(path)
		for _, want := range pages {
			got.want(t, status, want)
		}
		if ct := got.header.Get("Content-Type"); ct != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s", path, ct)
		}
	}
	r.op("/healthz").want(t, 200, "ok\n")
	if got := ask(t, "HEAD", r.ops+"/healthz", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %+v", got)
	}
	for _, method := range []string{"POST", "DELETE", "OPTIONS"} {
		if got := ask(t, method, r.ops+"/healthz", ""); got.status != 405 || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, got.status, got.header)
		}
	}
	r.get("/metrics").want(t, 404, "") // nothing of it is on the address for everybody
	r.get("/api/state").want(t, 404, "")
}

func TestWebPagesCannotReadTheOperatorsAddress(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL())
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:1": 200, "127.0.0.1:11435": 200, "[::1]:11435": 200, "::1": 200, "10.1.2.3": 200,
		"evil.example": 403, "evil.example:11435": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
	} {
		for _, path := range []string{"/api/state", "/metrics", "/nothing"} {
			if got := r.op(path, "Host", host); (got.status == 403) != (want == 403) {
				t.Errorf("Host %s, %s: %d", host, path, got.status)
			}
		}
	}
	r.op("/api/state", "Host", "evil.example").want(t, 403, "this address is for this machine only, and evil.example is not its name: ask for localhost")
	for origin, want := range map[string]int{r.ops: 200, "https" + r.ops[4:]: 200, "http://localhost:3000": 403, "http://evil.example": 403, "null": 403, "": 403} {
		if got := r.op("/api/state", "Origin", origin); got.status != want {
			t.Errorf("Origin %q: %d, want %d", origin, got.status, want)
		}
	}
}

func TestReadyWhileARouteIsServed(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL(), "--connection", "dead=http://127.0.0.1:1", "--proxy", "tiny-chain=s", "--proxy", "other-chain=s", "--proxy", "other-chain=dead", "--watch", "100ms")
	r.op("/readyz").want(t, 200, "ready: 1 of 2 routes are served\nother-chain: s does not list it; dead is down: connection refused\n")
	s.Remove("tiny-chain")
	eventually(t, func() bool { return r.op("/readyz").status == 503 })
	r.op("/readyz").want(t, 503, "no route is served\ntiny-chain: s does not list it\nother-chain: s does not list it; dead is down: connection refused\n")
	s.Install(ollamatest.Model{Name: "tiny-chain"})
	eventually(t, func() bool { return r.op("/readyz").status == 200 })
	s.Stop()
	eventually(t, func() bool { return r.op("/readyz").status == 503 })
	r.op("/readyz").want(t, 503, "tiny-chain: s is down: connection refused\n")
	r.op("/healthz").want(t, 200, "ok")
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return r.op("/readyz").status == 200 })
}

func TestAPatternIsServedByAnyServerThatIsUp(t *testing.T) {
	s := ollama(t, with())
	r := operated(t, "--connection", "s="+s.URL(), "--proxy", "qwen*=s")
	r.op("/readyz").want(t, 200, "ready: 1 of 1 routes are served\n")
}

// over waits until Run has returned; what it says is for the test's end to judge.
func (r *running) over() { r.done <- <-r.done }

func TestTheOperatorsAddressOutlastsRunningAnswers(t *testing.T) {
	r, _, in := streaming(t, 20*time.Millisecond, "--admin", "127.0.0.1:0")
	r.op("/readyz").want(t, 200, "ready")
	r.stop()
	eventually(t, func() bool { return r.op("/readyz").status == 503 })
	r.op("/readyz").want(t, 503, "stopping\n")
	r.op("/healthz").want(t, 200, "ok")
	r.op("/api/state").want(t, 200, `"stopping": true`)
	if n := r.metrics()[`gollamas_in_flight{model="tiny-chain",server="s"}`]; n != 1 {
		t.Errorf("%v in flight", n)
	}
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), `"done":true`) {
		t.Errorf("%v %s", err, rest)
	}
	r.over()
	if got := r.op("/healthz"); got.err == nil {
		t.Errorf("it outlasts Run: %d", got.status)
	}
}

func TestStateShowsWhatIsKnown(t *testing.T) {
	a, b := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "tiny-chain", Digest: strings.Repeat("a", 64), Loaded: 2_000_000}}, Version: "0.30.1"}), ollama(t, with("tiny-chain"))
	text := "connections:\n  a: {url: " + a.URL() + ", parallel: 2}\n  b: {url: \"" + strings.Replace(b.URL(), "//", "//me:secret@", 1) + "\"}\n" +
		"  dead: http://127.0.0.1:1\nmodels:\n  tiny-chain:\n    routes: [{connection: a, weight: 3}, {connection: b, tier: 1}]\n    aliases: [gpt]\n    balance: round-robin\n  \"qwen*\": dead\n"
	r := operated(t, "--config", file(t, text), "--watch", "100ms")
	r.post("/api/generate", `{"model":"tiny-chain","prompt":"x","options":{"num_ctx":8192}}`).want(t, 200, "done")
	r.exchange(1)
	var got struct {
		Started  time.Time
		Stopping bool
		Servers  []map[string]any
		Models   []map[string]any
		Mixed    []map[string]any
		Queues   []any
	}
	var body string
	eventually(t, func() bool {
		answer := r.op("/api/state")
		body = answer.body
		got.Servers = nil
		answer.into(t, &got)
		return len(got.Servers) == 3 && len(got.Servers[0]["loaded"].([]any)) == 1 && got.Servers[2]["failed_looks"].(float64) > 0
	})
	if strings.Contains(body, "secret") || strings.Contains(body, "null") {
		t.Errorf("a secret, or a null: %s", body)
	}
	if time.Since(got.Started) > time.Minute || got.Stopping || got.Queues == nil || len(got.Queues) != 0 {
		t.Errorf("%+v", got)
	}
	for _, part := range []string{
		`"version": "1.2.3"`, `"id": "a"`, `"connection": "a"`, `"url": "` + a.URL() + `"`, `"up": true`, `"version": "0.30.1"`, `"last_look": "2`, `"parallel": 2`,
		`"name": "tiny-chain:latest"`, `"digest": "` + strings.Repeat("a", 64) + `"`, `"size": 1000000`,
		`"context_length": 8192`, `"size": 2000000`, `"size_vram": 2000000`, `"expires_at": "2`, `"held": 2000000`,
		`"name": "tiny-chain"`, `"num_ctx": 8192`, `"loads": 1`, `"reloads": 0`, `"typical_seconds": 0.`, `"last_answer": "2`,
		`"id": "dead"`, `"up": false`, `"why": "connection refused"`, `"state": "closed"`,
		`"aliases": [` + "\n        \"gpt\"", `"balance": "round-robin"`, `"weight": 3`, `"tier": 1`, `"served": true`, `"why": "dead is down: connection refused"`,
		`"mixed": [` + "\n    {", `"queues": []`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("no %s in\n%s", part, body)
		}
	}
}

func TestStateShowsQueuesAndBreakers(t *testing.T) {
	o := with("tiny-chain", "other-chain")
	o.Pace = 50 * time.Millisecond
	s := ollama(t, o)
	r := operated(t, "--config", file(t, "connections: {s: {url: "+s.URL()+", parallel: 1}}\n"))
	s.Fault(ollamatest.Fault{Kind: ollamatest.DieLoading, Model: "other-chain"})
	for range 3 {
		r.post("/api/chat", strings.Replace(chat, "tiny", "other", 1)).want(t, 500, "")
	}
	answers := make(chan reply)
	for range 2 {
		go func() { answers <- r.post("/api/chat", chat) }()
	}
	var got struct {
		Servers []struct {
			InFlight int `json:"in_flight"`
			Models   []struct {
				Name    string
				Breaker struct {
					State, Reason string
					Until         time.Time
				}
			}
		}
		Queues []struct {
			Model  string
			Length int
			Oldest float64 `json:"oldest_wait_seconds"`
		}
	}
	eventually(t, func() bool {
		r.op("/api/state").into(t, &got)
		return len(got.Queues) == 1 && got.Queues[0].Oldest > 0
	})
	if q := got.Queues[0]; q.Model != "tiny-chain" || q.Length != 1 || q.Oldest > 5 {
		t.Errorf("%+v", q)
	}
	if at := got.Servers[0]; at.InFlight != 1 || len(at.Models) != 2 || at.Models[0].Name != "other-chain" {
		t.Fatalf("%+v", at)
	}
	if b := got.Servers[0].Models[0].Breaker; b.State != "open" || b.Reason == "" || time.Until(b.Until) < time.Second {
		t.Errorf("%+v", b)
	}
	for range 2 {
		(<-answers).want(t, 200, "done")
	}
}

func TestExplainSaysWhereARequestWouldGoAndWhy(t *testing.T) {
	a, b := ollama(t, with("tiny-chain")), ollama(t, with("tiny-chain", "qwen3"))
	r := operated(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--connection", "dead=http://127.0.0.1:1",
		"--proxy", "tiny-chain=dead", "--proxy", "tiny-chain=a", "--proxy", "tiny-chain=b", "--proxy", "qwen*=a", "--proxy", "qwen*=b", "--alias", "gpt=tiny-chain")
	ask(t, "POST", b.URL()+"/api/generate", `{"model":"tiny-chain","options":{"num_ctx":8192}}`).want(t, 200, "load")
	r.server(1).LookAgain()
	eventually(t, func() bool { return len(r.server(1).State().Loaded) == 1 })
	var got struct {
		Model, Sent, Route, Balance string
		Servers                     []struct {
			Server, Why, Health string
			Loaded, Suits       bool
			Cost                float64 `json:"cost_seconds"`
		}
		NotAsked []struct{ Server, Why string } `json:"not_asked"`
	}
	r.op("/api/explain?model=gpt").into(t, &got)
	if got.Model != "gpt" || got.Sent != "tiny-chain" || got.Route != "tiny-chain" || got.Balance != "loaded-first" || len(got.Servers) != 3 || len(got.NotAsked) != 0 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []struct{ server, why, health string }{
		{"b", "loaded, 0 in flight", "ready"}, {"a", "not loaded: a load takes about 3s, which is assumed, and counts double, 0 in flight, costs about 6s", "ready"}, {"dead", "down: connection refused", "down"},
	} {
		at := got.Servers[i]
		if at.Server != want.server || !strings.HasPrefix(at.Why, want.why) || at.Health != want.health || at.Loaded != (i == 0) || at.Suits != (i == 0) || (at.Cost > 0) != (i > 0) {
			t.Errorf("%d: %+v, want %+v", i, at, want)
		}
	}
	r.op("/api/explain?model=tiny-chain&num_ctx=4096").into(t, &got) // another context: b would have to load it again
	if got.Servers[0].Server != "a" || !strings.HasPrefix(got.Servers[1].Why, "loaded with another context") {
		t.Errorf("%+v", got)
	}
	r.op("/api/explain?model=qwen3").into(t, &got)
	if len(got.Servers) != 1 || got.Servers[0].Server != "b" || len(got.NotAsked) != 1 || got.NotAsked[0].Server != "a" || got.NotAsked[0].Why != "does not list it" {
		t.Errorf("%+v", got)
	}
	for path, want := range map[string]string{
		"/api/explain":                             "which model? Ask for /api/explain?model=NAME",
		"/api/explain?model=a%20b":                 `"a b": invalid model name`,
		"/api/explain?model=tiny-chain&num_ctx=no": `num_ctx is a whole number, not "no"`,
	} {
		r.op(path).want(t, 400, want)
	}
	r.op("/api/explain?model=tiny-chain:cloud").want(t, 404, `model "tiny-chain:cloud" has no route.`)
	r.op("/api/explain?model=nope").want(t, 404, "There are routes for:\n  tiny-chain  (also gpt)\n  qwen*\n")
}

// A residence is how a model is loaded on a server, as the operator's address shows it.
type residence struct {
	Server, Name, Why string
	Loaded, Suits     bool
	Runner            *struct {
		NumCtx  int `json:"num_ctx"`
		Options map[string]any
		NoShift bool `json:"no_shift"`
	}
	With struct {
		NumCtx int `json:"num_ctx"`
	} `json:"would_load_with"`
	Kept           string `json:"keep_alive"`
	Loads, Reloads int
}

func TestExplainKnowsTheRules(t *testing.T) {
	a, b := ollama(t, with("tiny-chain")), ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "a="+a.URL(), "--connection", "b="+b.URL(), "--alias", "gpt=tiny-chain", "--balance", "in-order",
		"--keep-alive", "30m", "--enforce-num-ctx", "tiny-chain@a=8192", "--num-ctx", "2048")
	explain := func(more string) []residence {
		t.Helper()
		var got struct{ Servers []residence }
		body := r.op("/api/explain?model=gpt" + more)
		body.into(t, &got)
		if len(got.Servers) != 2 {
			t.Fatalf("%s", body.body)
		}
		return got.Servers
	}
	r.post("/api/chat", chat).want(t, 200, "done")
	at := explain("&num_ctx=4096") // enforced on a, a default on b
	if at[0].Why != "loaded, 0 in flight" || !at[0].Suits || at[0].With.NumCtx != 8192 || at[1].With.NumCtx != 4096 {
		t.Errorf("%+v", at)
	}
	if at := explain(""); at[1].With.NumCtx != 2048 {
		t.Errorf("%+v", at)
	}
	if at[0].Runner == nil || at[0].Runner.NumCtx != 8192 || at[0].Runner.Options != nil || at[0].Kept != "30m0s" || at[0].Loads != 1 || at[0].Reloads != 0 {
		t.Errorf("%+v", at[0])
	}
	if at[1].Runner != nil || at[1].Kept != "" || at[1].Loads != 0 {
		t.Errorf("%+v", at[1])
	}
	r.post("/api/chat", `{"shift":false,"options":{"num_batch":64},`+chat[1:]).want(t, 200, "done")
	at = explain("&num_ctx=4096")
	if at[1].Server != "b" || at[1].Runner == nil || at[1].Runner.Options["num_batch"] != 64. || !at[1].Runner.NoShift || at[1].Why != "loaded with another context, 0 in flight" {
		t.Errorf("%+v", at[1]) // b had room, so it was not loaded again on a
	}
	if at = explain("&num_ctx=2048"); at[1].Why != "loaded with another num_batch, 0 in flight" {
		t.Errorf("%+v", at[1])
	}
}

func TestStateShowsWhatRulesSayAndWhatIsLoadedWithWhat(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "tiny-chain", Load: 300 * time.Millisecond}}})
	r := operated(t, "--connection", "s="+s.URL(), "--enforce-keep-alive", "tiny-chain=-1", "--num-ctx", "@s=8192")
	var got struct {
		Servers []struct{ Models []residence }
		Loading []struct {
			Server, Model string
			Seconds       float64
			Waiting       int
		}
	}
	answers := make(chan reply)
	for range 2 {
		go func() { answers <- r.post("/api/chat", chat) }()
	}
	eventually(t, func() bool {
		r.op("/api/state").into(t, &got)
		return len(got.Loading) == 1 && got.Loading[0].Waiting == 2 && got.Loading[0].Seconds > .01
	})
	if l := got.Loading[0]; l.Server != "s" || l.Model != "tiny-chain" || l.Seconds > 5 {
		t.Errorf("%+v", l)
	}
	for range 2 {
		(<-answers).want(t, 200, "done")
	}
	r.op("/api/state").want(t, 200, `"loading": []`)
	body := r.op("/api/state")
	body.into(t, &got)
	m := got.Servers[0].Models[0]
	if m.Name != "tiny-chain" || m.Runner == nil || m.Runner.NumCtx != 8192 || m.Kept != "-1" || m.Loads != 1 {
		t.Errorf("%+v", m)
	}
	for _, part := range []string{`"keep_alive": {
              "enforce": "-1"`, `"num_ctx": {
              "default": 8192`} {
		if !strings.Contains(body.body, part) {
			t.Errorf("no %s in\n%s", part, body.body)
		}
	}
}

func TestExplainSaysWhatWouldBecomeOfARequestThatCameNow(t *testing.T) {
	o := with("tiny-chain")
	o.Pace = 50 * time.Millisecond
	s := ollama(t, o)
	r := operated(t, "--config", file(t, "connections: {s: {url: "+s.URL()+", parallel: 1}, dead: http://127.0.0.1:1}\n"+
		"models: {tiny-chain: s, other-chain: s, third-chain: dead, \"qwen*\": s}\nqueue: {length: 2, wait: 1m}\n"))
	says := func(model, want string) {
		t.Helper()
		var got struct{ Now string }
		eventually(t, func() bool { r.op("/api/explain?model="+model).into(t, &got); return got.Now == want })
	}
	says("tiny-chain", "asked of s")
	says("other-chain", "asked of s, though no server that is up lists the model")
	says("third-chain", "502, unless one answers after all: every server is down")
	says("qwen3", "404: no server has it")
	answers := make(chan reply)
	begin := func() { go func() { answers <- r.post("/api/chat", chat) }() }
	begin()
	says("tiny-chain", "waits for a place: number 1 in the queue, for at most 1m0s (queue.wait)")
	begin()
	says("tiny-chain", "waits for a place: number 2 in the queue, for at most 1m0s (queue.wait)")
	begin()
	says("tiny-chain", "503: 2 requests wait already (queue.length)")
	r.post("/api/chat", chat).want(t, 503, "2 requests wait already (queue.length)")
	for range 3 {
		(<-answers).want(t, 200, "done")
	}
	says("tiny-chain", "asked of s")
}

// takenAddress is one that somebody else has.
func takenAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestATakenDefaultIsAWarningAndGollamasServes(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	cfg := load(t, "--connection", "s="+s.URL())
	cfg.Admin = takenAddress(t)
	r := run(t, cfg)
	want := `"msg":"there is no operator's address: metrics, health and state cannot be seen","reason":"admin: ` + cfg.Admin + " is taken: "
	if r.admin != nil || !strings.Contains(r.log.String(), want) {
		t.Errorf("no %s in\n%s", want, r.log)
	}
	r.get("/api/version").want(t, 200, "version")
}

func TestATakenAddressThatWasAskedForIsAnError(t *testing.T) {
	address := takenAddress(t)
	a, err := New(load(t, "--connection", "s=http://127.0.0.1:1", "--admin", address), telemetry.NewLogger(io.Discard, "panic"))
	if err != nil {
		t.Fatal(err)
	}
	want := "admin: " + address + " is taken: choose another address with --admin, or none with --admin off"
	if err := a.OpenAdmin(); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestWhereListenHasTheDefaultThereIsAWarning(t *testing.T) {
	cfg := load(t, "--connection", "s=http://127.0.0.1:1", "--listen", "localhost:11435")
	log := &syncBuffer{}
	a, err := New(cfg, telemetry.NewLogger(log, "info"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.OpenAdmin(); err != nil || a.admin != nil || !strings.Contains(log.String(), `"reason":"admin: localhost:11435, where it is by default, is listen's: choose another address with --admin"`) {
		t.Errorf("%v %s", err, log)
	}
}

func TestOffIsNoOperatorsAddressAndNothingIsCounted(t *testing.T) {
	log := &syncBuffer{}
	a, err := New(load(t, "--connection", "s=http://127.0.0.1:1", "--admin", "off"), telemetry.NewLogger(log, "info"))
	if err != nil {
		t.Fatal(err)
	}
	before := len(a.done)
	if err := a.OpenAdmin(); err != nil || a.admin != nil || a.metrics != nil || len(a.done) != before || log.String() != "" {
		t.Errorf("%v %v %s", err, a.admin, log)
	}
}

func TestTheOperatorsAddressEndsWithRunThoughSomebodyHangsOnIt(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	r := operated(t, "--connection", "s="+s.URL())
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", strings.TrimPrefix(r.ops, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: loc") // and no more
	began := time.Now()
	r.stop()
	r.over()
	if time.Since(began) > 5*time.Second {
		t.Errorf("after %v", time.Since(began))
	}
}
