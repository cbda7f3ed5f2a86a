package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Settings say what became of reading the settings again while the program ran.
type Settings struct {
	Read    time.Time // when those in use were read
	Failed  bool      // the last try came to nothing, so these stayed
	Reloads int       // how often new ones have come into use
	Failing int       // how often they have not
}

var (
	settingsReloadsDesc = gauge("settings_reloads_total", "How often the settings were read again, by what became of it; failed: nothing has changed.", "result")
	settingsOKDesc      = gauge("settings_last_reload_ok", "1: the settings in use are those that were read last. 0: what stands in the files is refused, and the log says why.")
	settingsReadDesc    = gauge("settings_read_timestamp_seconds", "When the settings in use were read, in seconds since 1970.")
)

// settings shows it.
type settings struct{ now func() Settings }

// Describe tells what is collected.
func (s *settings) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{settingsReloadsDesc, settingsOKDesc, settingsReadDesc} {
		to <- d
	}
}

// Collect shows it.
func (s *settings) Collect(to chan<- prometheus.Metric) {
	now := s.now()
	to <- prometheus.MustNewConstMetric(settingsReloadsDesc, prometheus.CounterValue, float64(now.Reloads), "ok")
	to <- prometheus.MustNewConstMetric(settingsReloadsDesc, prometheus.CounterValue, float64(now.Failing), "failed")
	to <- prometheus.MustNewConstMetric(settingsOKDesc, prometheus.GaugeValue, truth(!now.Failed))
	to <- prometheus.MustNewConstMetric(settingsReadDesc, prometheus.GaugeValue, float64(now.Read.UnixMilli())/1000)
}
