package telemetry

import (
	"cmp"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"gollamas/internal/proxy"
)

// namespace is what every name begins with.
const namespace = "gollamas"

// What stands in the place of a model nobody has named but a client, and of a server where none answered.
const (
	otherModel = "other"
	noServer   = "none"
)

// otherOption stands in the place of an option that is not known.
const otherOption = "other"

func modelLabel(model string) string { return cmp.Or(model, otherModel) }

// serverLabel is a server's ID. It is the operator's, who may have written anything; Prometheus takes valid text only.
func serverLabel(id string) string { return strings.ToValidUTF8(cmp.Or(id, noServer), "\uFFFD") }

// What is counted by.
type (
	answerKey struct {
		endpoint, model, server string
		status                  int
	}
	pairKey  struct{ model, server string }
	avoidKey struct {
		pairKey
		option string
	}
	attemptKey struct {
		server string
		why    proxy.Why
	}
)

// A pair is what is counted of one model on one server.
type pair struct {
	total, first   prometheus.Observer
	prompt, answer prometheus.Counter
	gaps           gapCounts
}

// A cache holds the series of each key, made once: to find them by their labels'
// values would cost more than all the counting.
type cache[K comparable, V any] struct {
	made sync.Map // K → V
	make func(K) V
}

func (c *cache[K, V]) of(key K) V {
	if v, ok := c.made.Load(key); ok {
		return v.(V)
	}
	v, _ := c.made.LoadOrStore(key, c.make(key))
	return v.(V)
}
