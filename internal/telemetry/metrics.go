package telemetry

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/proxy"
)

// Buckets, in seconds. A warm answer of a small model begins within
// milliseconds, a long one ends after minutes; a load takes from a tenth of a second to ten minutes.
var (
	answerBuckets = []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180, 900}
	loadBuckets   = []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 40, 90, 180, 600}
)

// MetricsOptions are what Metrics is made of.
type MetricsOptions struct {
	Connections func() []*fleet.Connection // of now; nil = there are none
	Desk        *balance.Desk
	Shared      func() (up bool, failures int64) // what replicas count in; nil = each counts for itself
	Settings    func() Settings                  // what became of reading them; nil = nobody reads them again
	Names       func() map[string]string         // of now; nil = there are none: what the operator calls a model, by its key; others go by their servers' lists
}

// name is what a model is called: by the operator, or by the first server that
// lists it. That is how exchanges name it too, so labels agree, and no client can add one.
func (o *MetricsOptions) name(key string) string {
	if o.Names != nil {
		if name := o.Names()[key]; name != "" {
			return name
		}
	}
	for _, c := range o.connections() {
		for _, s := range c.Servers() {
			if m := s.State().Has(key); m != nil {
				return m.Name.Short()
			}
		}
	}
	return otherModel
}

func (o *MetricsOptions) connections() []*fleet.Connection {
	if o.Connections == nil {
		return nil
	}
	return o.Connections()
}

// Metrics counts exchanges and loads, and shows Prometheus what it has counted and what the
// servers do at that moment. Values of labels are bounded: no client can add one.
//
// Only the count of requests has the endpoint for a label. The histograms have the model and the
// server, for that is what makes a request slow: with 15 series each, an endpoint more would multiply them by ten.
type Metrics struct {
	options  MetricsOptions
	registry *prometheus.Registry
	loads    loads

	answers   cache[answerKey, prometheus.Counter]
	pairs     cache[pairKey, *pair]
	waits     cache[string, prometheus.Observer]
	loadWaits cache[string, prometheus.Observer]
	attempts  cache[attemptKey, prometheus.Counter]
	failovers cache[proxy.Why, prometheus.Counter]
	avoided   cache[avoidKey, prometheus.Counter]
	holders   cache[string, *holder]
}

// NewMetrics returns metrics with a registry of their own.
func NewMetrics(o MetricsOptions) *Metrics {
	m := &Metrics{options: o, registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&gapCollector{&m.pairs},
		&live{o},
	)
	if o.Settings != nil {
		m.registry.MustRegister(&settings{o.Settings})
	}
	requests := m.counter("requests_total", "Requests that are over, of every kind. code 499: the client left before there was an answer.", "endpoint", "model", "server", "code")
	m.answers.make = func(k answerKey) prometheus.Counter {
		return requests.WithLabelValues(k.endpoint, modelLabel(k.model), serverLabel(k.server), codeLabel(k.status))
	}
	wait := m.histogram("queue_wait_seconds", "Seconds for which requests waited for a server with a free place.", answerBuckets, "model")
	m.waits.make = func(model string) prometheus.Observer { return wait.WithLabelValues(modelLabel(model)) }
	attempts := m.counter("attempts_total", "Attempts: servers asked, by what became of the attempt.", "server", "why")
	m.attempts.make = func(k attemptKey) prometheus.Counter {
		return attempts.WithLabelValues(serverLabel(k.server), string(k.why))
	}
	failovers := m.counter("failovers_total", "Attempts after which another server was asked, by what became of the attempt.", "why")
	m.failovers.make = func(why proxy.Why) prometheus.Counter { return failovers.WithLabelValues(string(why)) }
	loadWait := m.histogram("load_wait_seconds", "Seconds for which requests waited for their model to be loaded; of requests that had to only.", loadBuckets, "model")
	m.loadWaits.make = func(model string) prometheus.Observer { return loadWait.WithLabelValues(modelLabel(model)) }
	m.loads = m.newLoads()
	m.holders.make = m.newHolders()
	m.pairs.make = m.newPairs()
	return m
}

// newPairs registers what is counted of a model on a server.
func (m *Metrics) newPairs() func(pairKey) *pair {
	labels := []string{"model", "server"}
	total := m.histogram("request_seconds", "Seconds that requests which have a model work took, to the last byte of the answer.", answerBuckets, labels...)
	first := m.histogram("request_first_byte_seconds", "Seconds that requests which have a model work took, to the first byte of an answer that is no error.", answerBuckets, labels...)
	prompt := m.counter("prompt_tokens_total", "Tokens of prompts, as far as the servers' answers say.", labels...)
	answer := m.counter("answer_tokens_total", "Tokens of answers, as far as the servers' answers say.", labels...)
	return func(k pairKey) *pair {
		model, server := modelLabel(k.model), serverLabel(k.server)
		return &pair{
			total: total.WithLabelValues(model, server), first: first.WithLabelValues(model, server),
			prompt: prompt.WithLabelValues(model, server), answer: answer.WithLabelValues(model, server),
		}
	}
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// Handler serves what there is to see, in Prometheus' format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Exchange counts one.
func (m *Metrics) Exchange(x proxy.Exchange) {
	m.answers.of(answerKey{x.Endpoint, x.Model, x.Place, x.Status}).Inc()
	for i := range x.Attempts {
		a := &x.Attempts[i]
		m.attempts.of(attemptKey{a.Place, a.Why}).Inc()
		if i < len(x.Attempts)-1 && !x.Spread {
			m.failovers.of(a.Why).Inc()
		}
		if a.Avoids != "" && a.Why == proxy.WhyServed {
			m.avoided.of(avoidKey{pairKey{x.Model, a.Place}, a.Avoids}).Inc()
		}
	}
	if x.Works {
		m.worked(&x)
	}
	if x.Key != "" {
		m.holders.of(x.Key).count(&x)
	}
}

// worked counts what only a request has that has the model work. Others, which ask
// about a model or pull it, would blur how long answers take.
func (m *Metrics) worked(x *proxy.Exchange) {
	p := m.pairs.of(pairKey{x.Model, x.Place})
	p.total.Observe(x.Total.Seconds())
	if x.First > 0 && x.Status < http.StatusBadRequest {
		p.first.Observe(x.First.Seconds())
	}
	if x.Queued > 0 {
		m.waits.of(x.Model).Observe(x.Queued.Seconds())
	}
	if x.Loading > noticeable && slices.ContainsFunc(x.Attempts, awaited) {
		m.loadWaits.of(x.Model).Observe(x.Loading.Seconds())
	}
	if x.Usage.Said {
		p.prompt.Add(float64(x.Usage.Prompt))
		p.answer.Add(float64(x.Usage.Answer))
	}
	p.gaps.add(&x.Gaps)
}

// codeLabel is a status as text. A server may make up any; only those that have a name are told apart.
func codeLabel(status int) string {
	if status == proxy.StatusGone || http.StatusText(status) != "" {
		return strconv.Itoa(status)
	}
	return "other"
}
