package telemetry

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gollamas/internal/proxy"
)

// gapCounts are the waits between the pieces of streams. An exchange brings its own counted already, so
// that a token costs no more than a place in an array: prometheus.Histogram could only observe one after the other.
type gapCounts struct {
	counts [len(proxy.GapBounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (g *gapCounts) add(x *proxy.Gaps) {
	for i, n := range x.Counts {
		if n > 0 {
			g.counts[i].Add(uint64(n))
		}
	}
	g.sum.Add(int64(x.Sum))
}

// histogram is how many there were, and how many up to each bound.
func (g *gapCounts) histogram() (count uint64, upTo map[float64]uint64) {
	upTo = make(map[float64]uint64, len(proxy.GapBounds))
	for i := range g.counts {
		count += g.counts[i].Load()
		if i < len(proxy.GapBounds) {
			upTo[proxy.GapBounds[i].Seconds()] = count
		}
	}
	return count, upTo
}

var gapDesc = prometheus.NewDesc(namespace+"_chunk_gap_seconds", "Seconds between one piece of a streamed answer and the next.", []string{"model", "server"}, nil)

// A gapCollector shows the gaps of every pair.
type gapCollector struct{ pairs *cache[pairKey, *pair] }

// Describe tells what is collected.
func (c *gapCollector) Describe(to chan<- *prometheus.Desc) { to <- gapDesc }

// Collect shows it.
func (c *gapCollector) Collect(to chan<- prometheus.Metric) {
	c.pairs.made.Range(func(k, p any) bool {
		key, gaps := k.(pairKey), &p.(*pair).gaps
		if count, upTo := gaps.histogram(); count > 0 {
			sum := time.Duration(gaps.sum.Load()).Seconds()
			to <- prometheus.MustNewConstHistogram(gapDesc, count, sum, upTo, modelLabel(key.model), serverLabel(key.server))
		}
		return true
	})
}
