package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gollamas/internal/fleet"
	"gollamas/internal/proxy"
)

// A Load is one load of a model that gollamas has had a server do, whoever or whatever wanted it.
type Load struct {
	Server *fleet.Server
	Key    string        // of the model's name
	Again  string        // the option for which a model that was loaded was loaded once more, "" = it was not loaded
	Took   time.Duration // from when the server was asked
	Failed bool
}

// loads are the series of loads. There are few of them a minute, so their series are looked up each time.
type loads struct {
	all, again *prometheus.CounterVec
	took       *prometheus.HistogramVec
}

func (m *Metrics) newLoads() loads {
	pair, option := []string{"model", "server"}, []string{"model", "server", "option"}
	avoided := m.counter("reloads_avoided_total", "Requests for which a model would have been loaded again for the option's sake, had no server been preferred and no rule been set; server: where such a request went instead.", option...)
	m.avoided.make = func(k avoidKey) prometheus.Counter {
		return avoided.WithLabelValues(modelLabel(k.model), serverLabel(k.server), optionLabel(k.option))
	}
	return loads{
		all:   m.counter("loads_total", "Loads of a model that gollamas has had a server do, for requests or by itself.", pair...),
		again: m.counter("reloads_total", "Loads of a model that was loaded already, with another value of the option.", option...),
		took:  m.histogram("load_seconds", "Seconds that a server took to load a model, from when gollamas asked for that.", loadBuckets, pair...),
	}
}

// Load counts one that is over and that the server had begun. It may be called by many at once.
func (m *Metrics) Load(l Load) {
	model, server := modelLabel(m.options.name(l.Key)), serverLabel(l.Server.Connection())
	m.loads.all.WithLabelValues(model, server).Inc()
	if l.Again != "" {
		m.loads.again.WithLabelValues(model, server, optionLabel(l.Again)).Inc()
	}
	if !l.Failed {
		m.loads.took.WithLabelValues(model, server).Observe(l.Took.Seconds())
	}
}

// awaited says that an attempt was one to wait for a load, as far as the server had begun it.
func awaited(a proxy.Attempt) bool {
	switch a.Why {
	case proxy.WhyUnreached, proxy.WhyMissing, proxy.WhyFull:
		return false
	case proxy.WhyServed:
		return a.Load != fleet.LoadNone && a.Status < http.StatusMultipleChoices
	}
	return a.Load != fleet.LoadNone
}

// optionLabel is an option that a model is loaded with. Only those that are known are told apart.
func optionLabel(option string) string {
	switch option {
	case "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict", "shift":
		return option
	}
	return otherOption
}
