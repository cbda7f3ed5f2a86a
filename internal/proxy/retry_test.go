package proxy

import "testing"

func TestTheRetryTable(t *testing.T) {
	for _, c := range []struct {
		what string
		o    outcome
		next bool
	}{
		{"could not connect", outcome{unsent: true}, true},
		{"could not connect, changing a server", outcome{unsent: true, changes: true}, true},
		{"broke after sending", outcome{}, true},
		{"broke after sending, changing a server", outcome{changes: true}, false},
		{"queue full", outcome{status: 503}, true},
		{"model missing", outcome{status: 404}, true},
		{"a proxy's bad gateway", outcome{status: 502}, true},
		{"a proxy's timeout, changing a server", outcome{status: 504, changes: true}, false},
		{"500", outcome{status: 500}, true},
		{"500 again", outcome{status: 500, retried: true}, false},
		{"500, changing a server", outcome{status: 500, changes: true}, false},
		{"the client left", outcome{gone: true, unsent: true}, false},
		{"200", outcome{status: 200}, false},
		{"400", outcome{status: 400}, false},
		{"401", outcome{status: 401}, false},
		{"429", outcome{status: 429}, false},
	} {
		if got := c.o.tryNext(); got != c.next {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
