package telemetry

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/proxy"
)

func TestLoadsAreCountedByModelServerAndTheOptionAtFault(t *testing.T) {
	m := NewMetrics(MetricsOptions{Desk: balance.NewDesk(1, time.Second), Names: func() map[string]string { return map[string]string{"key": "m"} }})
	gpu := box("gpu")
	m.Load(Load{Server: gpu, Key: "key", Took: 3 * time.Second})
	m.Load(Load{Server: gpu, Key: "key", Again: "num_ctx", Took: 4 * time.Second})
	m.Load(Load{Server: gpu, Key: "key", Again: "num_batch", Took: time.Hour, Failed: true})
	m.want(t, `gollamas_loads_total{model="m",server="gpu"} 3`,
		`gollamas_reloads_total{model="m",option="num_ctx",server="gpu"} 1`, `gollamas_reloads_total{model="m",option="num_batch",server="gpu"} 1`,
		`gollamas_load_seconds_sum{model="m",server="gpu"} 7`, `gollamas_load_seconds_count{model="m",server="gpu"} 2`)
}

func TestExchangesCountNoLoads(t *testing.T) {
	m := newMetrics()
	x := served()
	x.Attempts[0].Load, x.Attempts[0].Fault = fleet.LoadAgain, "num_ctx"
	m.Exchange(x)
	for _, name := range []string{"gollamas_loads_total", "gollamas_reloads_total", "gollamas_load_seconds"} {
		if n, err := testutil.GatherAndCount(m.registry, name); err != nil || n > 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestModelsAndOptionsThatNobodyKnowsAreOne(t *testing.T) {
	m := newMetrics()
	gpu := box("gpu")
	for i := range 100 {
		made := fmt.Sprint("made-up-", i)
		m.Load(Load{Server: gpu, Key: made, Again: made})
		x := served()
		x.Attempts[0].Avoids = made
		m.Exchange(x)
	}
	m.want(t, `gollamas_loads_total{model="other",server="gpu"} 100`, `gollamas_reloads_total{model="other",option="other",server="gpu"} 100`,
		`gollamas_reloads_avoided_total{model="llama3.2",option="other",server="gpu"} 100`)
}

func TestAReloadIsAvoidedWhereTheRequestWasServed(t *testing.T) {
	m := newMetrics()
	x := served()
	x.Attempts[0].Avoids = "num_ctx"
	m.Exchange(x)
	x.Attempts[0].Avoids = ""
	m.Exchange(x)
	x.Attempts[0].Avoids, x.Attempts[0].Why = "num_ctx", proxy.WhyUnreached
	m.Exchange(x)
	m.want(t, `gollamas_reloads_avoided_total{model="llama3.2",option="num_ctx",server="gpu"} 1`)
}

func TestOnlyWhoWaitedForALoadIsMeasuredAsSuch(t *testing.T) {
	m := newMetrics()
	for _, c := range []struct {
		waited time.Duration
		a      proxy.Attempt
	}{
		{3 * time.Second, proxy.Attempt{Why: proxy.WhyServed, Status: 200, Load: fleet.LoadStart}},
		{4 * time.Second, proxy.Attempt{Why: proxy.WhyServed, Status: 200, Load: fleet.LoadJoins}},
		{5 * time.Second, proxy.Attempt{Why: proxy.WhyLoading, Load: fleet.LoadAgain}},
		{6 * time.Second, proxy.Attempt{Why: proxy.WhyLeft, Load: fleet.LoadJoins}},
		{time.Millisecond, proxy.Attempt{Why: proxy.WhyServed, Status: 200, Load: fleet.LoadStart}},
		{time.Hour, proxy.Attempt{Why: proxy.WhyServed, Status: 200}},
		{time.Hour, proxy.Attempt{Why: proxy.WhyServed, Status: 400, Load: fleet.LoadStart}},
		{time.Hour, proxy.Attempt{Why: proxy.WhyUnreached, Load: fleet.LoadStart}},
		{time.Hour, proxy.Attempt{Why: proxy.WhyMissing, Status: 404, Load: fleet.LoadStart}},
		{time.Hour, proxy.Attempt{Why: proxy.WhyFull, Status: 503, Load: fleet.LoadStart}},
	} {
		m.Exchange(proxy.Exchange{Model: "m", Works: true, Loading: c.waited, Attempts: []proxy.Attempt{c.a}})
	}
	m.want(t, `gollamas_load_wait_seconds_count{model="m"} 4`, `gollamas_load_wait_seconds_sum{model="m"} 18`)
}
