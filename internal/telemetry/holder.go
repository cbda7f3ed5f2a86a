package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"gollamas/internal/keys"
	"gollamas/internal/proxy"
)

// A holder is what is counted of a key. The operator has named it, so no client can add one.
type holder struct {
	requests, prompt, answer prometheus.Counter
	refused                  map[string]prometheus.Counter // by the limit
}

// newHolders registers what is counted of keys.
func (m *Metrics) newHolders() func(string) *holder {
	requests := m.counter("key_requests_total", "Requests that came by the key and are over, those that one of its limits refused among them.", "key")
	prompt := m.counter("key_prompt_tokens_total", "Tokens of prompts that came by the key, as far as the servers' answers say.", "key")
	answer := m.counter("key_answer_tokens_total", "Tokens of answers to the key's requests, as far as the servers' answers say.", "key")
	refused := m.counter("key_refused_total", "Requests by the key that one of its limits refused (429): requests, tokens or parallel.", "key", "limit")
	return func(key string) *holder {
		h := &holder{requests: requests.WithLabelValues(key), prompt: prompt.WithLabelValues(key), answer: answer.WithLabelValues(key), refused: map[string]prometheus.Counter{}}
		for _, l := range []keys.Limit{keys.LimitRequests, keys.LimitTokens, keys.LimitParallel} {
			h.refused[string(l)] = refused.WithLabelValues(key, string(l))
		}
		return h
	}
}

// count counts one exchange.
func (h *holder) count(x *proxy.Exchange) {
	h.requests.Inc()
	if c := h.refused[x.Limit]; c != nil {
		c.Inc()
	}
	if x.Usage.Said {
		h.prompt.Add(float64(x.Usage.Prompt))
		h.answer.Add(float64(x.Usage.Answer))
	}
}
