package telemetry

import (
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
)

// served is an exchange as most are: one attempt, a stream of fifteen records.
func served() proxy.Exchange {
	x := proxy.Exchange{
		Endpoint: "/api/chat", Works: true, Model: "llama3.2", Place: "gpu", Status: 200, Total: 900 * time.Millisecond, First: 90 * time.Millisecond, Queued: time.Microsecond,
		Usage:    ollama.Usage{Prompt: 20, Answer: 15, Said: true},
		Attempts: []proxy.Attempt{{Server: "gpu", Place: "gpu", Status: 200, Why: proxy.WhyServed, First: 90 * time.Millisecond}},
	}
	x.Gaps.Counts[3], x.Gaps.Counts[12], x.Gaps.Sum = 14, 1, 65*time.Second
	return x
}

func newMetrics() *Metrics {
	return NewMetrics(MetricsOptions{Desk: balance.NewDesk(1, time.Second)})
}

// everything has each series made at least once.
func (m *Metrics) everything() {
	x := served()
	x.Loading, x.Queued, x.Attempts[0].Avoids, x.Attempts[0].Load = time.Second, time.Second, "num_ctx", fleet.LoadJoins
	x.Attempts = append(x.Attempts, x.Attempts[0])
	m.Exchange(x)
	m.Load(Load{Server: box("gpu"), Key: "key", Again: "num_ctx", Took: time.Second})
}

// box is a server that nobody has looked at.
func box(id string) *fleet.Server {
	return fleet.New(fleet.Options{ID: id, URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
}

func (m *Metrics) page(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func (m *Metrics) want(t *testing.T, lines ...string) {
	t.Helper()
	page := m.page(t)
	for _, line := range lines {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, page)
		}
	}
}

func TestMetricsPassPrometheusOwnLint(t *testing.T) {
	m := newMetrics()
	m.everything()
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// The page is sorted by name, so no text may lean on another.
func TestEveryHelpTextStandsAlone(t *testing.T) {
	m := newMetrics()
	m.everything()
	texts := map[string]string{}
	for line := range strings.Lines(m.page(t)) {
		if name, help, ok := strings.Cut(strings.TrimPrefix(line, "# HELP "), " "); ok && strings.HasPrefix(line, "# HELP gollamas_") {
			texts[name] = help
		}
	}
	described := make(chan *prometheus.Desc, 20)
	new(live).Describe(described)
	close(described)
	for d := range described {
		texts[d.String()] = d.String()
	}
	leans := regexp.MustCompile(`(?i)\b(they|them|those|of that|there|it is)\b`)
	for name, help := range texts {
		if leans.MatchString(strings.Replace(help, "there was an answer", "", 1)) {
			t.Errorf("%s: %s", name, help)
		}
	}
	if len(texts) < 20 {
		t.Errorf("only %d texts", len(texts))
	}
}

func TestGapsAreAHistogramOfWhatExchangesHaveCounted(t *testing.T) {
	m := newMetrics()
	m.Exchange(served())
	m.Exchange(served())
	of := `{model="llama3.2",server="gpu"`
	m.want(t,
		`gollamas_chunk_gap_seconds_bucket`+of+`,le="0.02"} 0`, `gollamas_chunk_gap_seconds_bucket`+of+`,le="0.05"} 28`,
		`gollamas_chunk_gap_seconds_bucket`+of+`,le="60"} 28`, `gollamas_chunk_gap_seconds_bucket`+of+`,le="+Inf"} 30`,
		`gollamas_chunk_gap_seconds_sum`+of+`} 130`, `gollamas_chunk_gap_seconds_count`+of+`} 30`)
}

func TestWhatAServerOrAnOperatorMakesUpIsNoLabelOfItsOwn(t *testing.T) {
	m := newMetrics()
	for status := 100; status < 1000; status++ {
		m.Exchange(proxy.Exchange{Endpoint: "/api/chat", Place: "bad\xff", Status: status})
	}
	if n, err := testutil.GatherAndCount(m.registry, "gollamas_requests_total"); err != nil || n > 70 {
		t.Errorf("%d series of requests, %v", n, err)
	}
	m.want(t, `gollamas_requests_total{code="499",endpoint="/api/chat",model="other",server="bad`+"\uFFFD"+`"} 1`)
}

func TestCountingAnExchangeAllocatesNothing(t *testing.T) {
	m, x := newMetrics(), served()
	x.Loading, x.Attempts[0].Avoids, x.Attempts[0].Load = time.Second, "num_ctx", fleet.LoadJoins
	if n := testing.AllocsPerRun(100, func() { m.Exchange(x) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMetricsExchange(b *testing.B) {
	m, x := newMetrics(), served()
	b.ReportAllocs()
	for b.Loop() {
		m.Exchange(x)
	}
}

func BenchmarkMetricsExchangeParallel(b *testing.B) {
	m, x := newMetrics(), served()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Exchange(x)
		}
	})
}

func TestWhetherReplicasCountTogetherIsShownWhereTheyShould(t *testing.T) {
	if page := newMetrics().page(t); strings.Contains(page, "gollamas_shared") {
		t.Error("there is a line though nothing is shared")
	}
	up := true
	m := NewMetrics(MetricsOptions{Desk: balance.NewDesk(1, time.Second), Shared: func() (bool, int64) { return up, 7 }})
	m.want(t, "gollamas_shared_up 1", "# TYPE gollamas_shared_failures_total counter", "gollamas_shared_failures_total 7")
	up = false
	m.want(t, "gollamas_shared_up 0")
}
