package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gollamas/internal/fleet"
)

// What is shown as it is at the moment of looking. Nothing of it is stored, so nothing can go stale.
var (
	upDesc            = gauge("server_up", "1: the server answered the last look, and has taken every connection since.", "server")
	serverBreakerDesc = gauge("server_breaker_open", "1: everything fails on the server, so others are asked first.", "server")
	breakerDesc       = gauge("breaker_open", "1: the model fails on the server, so others are asked first.", "model", "server")
	inFlightDesc      = gauge("in_flight", "Requests that have the model work on the server now.", "model", "server")
	loadingDesc       = gauge("loading_seconds", "Seconds for which the model has been loading on the server, by gollamas' own doing; no line where nothing loads.", "model", "server")
	queuedDesc        = gauge("queued", "Requests that wait now for a server with a free place.", "model")
	loadedDesc        = gauge("loaded", "1: the model is in the server's memory.", "model", "server")
	loadedBytesDesc   = gauge("loaded_bytes", "Bytes of memory that the loaded model takes on the server, the graphics card's and the machine's.", "model", "server")
	loadedVRAMDesc    = gauge("loaded_vram_bytes", "Bytes of the graphics card's memory that the loaded model takes on the server.", "model", "server")
	sharedDesc        = gauge("shared_up", "1: replicas count together; 0: the Redis is away, and each counts for itself. No line where none is set.")
	sharedFailedDesc  = gauge("shared_failures_total", "Questions to the Redis, where replicas count together, that were not answered in time or with an error.")
	contextDesc       = gauge("loaded_context_tokens", "Tokens of context that the model is loaded with on the server.", "model", "server")
)

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// live shows what the servers do.
type live struct{ MetricsOptions }

// Describe tells what is collected.
func (l *live) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, serverBreakerDesc, breakerDesc, inFlightDesc, loadingDesc, queuedDesc, loadedDesc, loadedBytesDesc, loadedVRAMDesc, contextDesc, sharedDesc, sharedFailedDesc} {
		to <- d
	}
}

// Collect shows it.
func (l *live) Collect(to chan<- prometheus.Metric) {
	v := view{MetricsOptions: l.MetricsOptions, now: time.Now(), values: map[reading]float64{}}
	for _, c := range l.connections() {
		for _, s := range c.Servers() {
			v.server(s)
		}
	}
	for _, q := range l.Desk.Queues() {
		v.add(queuedDesc, float64(q.Length), v.name(q.Key), "")
	}
	v.tell(to)
	if l.Shared != nil {
		up, failures := l.Shared()
		to <- prometheus.MustNewConstMetric(sharedDesc, prometheus.GaugeValue, truth(up))
		to <- prometheus.MustNewConstMetric(sharedFailedDesc, prometheus.CounterValue, float64(failures))
	}
}

// A reading is a gauge's place: model or server may be "" where it has no such label.
type reading struct {
	desc          *prometheus.Desc
	model, server string
}

// A view is one look at everything. Two things may fall on one reading (models that no
// server lists are one), and Prometheus takes each only once; so they are added up first.
type view struct {
	MetricsOptions
	now    time.Time
	values map[reading]float64
}

func (v *view) set(d *prometheus.Desc, value float64, model, server string) {
	v.values[reading{d, model, server}] = value
}

func (v *view) add(d *prometheus.Desc, value float64, model, server string) {
	v.values[reading{d, model, server}] += value
}

func (v *view) server(s *fleet.Server) {
	state, id := s.State(), serverLabel(s.ID())
	v.set(upDesc, truth(state.Up), "", id)
	v.set(serverBreakerDesc, truth(s.Breaker().Open()), "", id)
	s.EachFacts(func(key string, f *fleet.Facts) {
		model := v.name(key)
		v.add(inFlightDesc, float64(f.InFlight), model, id)
		if !f.Loading.IsZero() {
			at := reading{loadingDesc, model, id}
			v.values[at] = max(v.values[at], v.now.Sub(f.Loading).Seconds())
		}
		v.add(breakerDesc, 0, model, id)
		if f.Breaker.Open() {
			v.set(breakerDesc, 1, model, id)
		}
		v.add(queuedDesc, 0, model, "") // asked for once, it is worth a line that nobody waits
	})
	if !state.Up {
		return // what it has loaded is not known
	}
	for i := range state.Loaded {
		m := &state.Loaded[i]
		model := v.name(m.Key)
		v.set(loadedDesc, 1, model, id)
		v.set(loadedBytesDesc, float64(m.Size), model, id)
		v.set(loadedVRAMDesc, float64(m.SizeVRAM), model, id)
		v.set(contextDesc, float64(m.NumCtx), model, id)
	}
}

func (v *view) tell(to chan<- prometheus.Metric) {
	for at, value := range v.values {
		var labels []string
		if at.model != "" {
			labels = append(labels, at.model)
		}
		if at.server != "" {
			labels = append(labels, at.server)
		}
		to <- prometheus.MustNewConstMetric(at.desc, prometheus.GaugeValue, value, labels...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
