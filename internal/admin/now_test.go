package admin

import (
	"net/url"
	"testing"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
)

func TestNowSaysWhatBecomesOfARequest(t *testing.T) {
	place := func(id string, change func(v *balance.Verdict)) balance.Verdict {
		v := balance.Verdict{Candidate: balance.Candidate{Server: at(id), Places: 2, InFlight: 1}}
		if change != nil {
			change(&v)
		}
		return v
	}
	health := func(h balance.Health) func(v *balance.Verdict) { return func(v *balance.Verdict) { v.Health = h } }
	full := func(v *balance.Verdict) { v.InFlight = 2 }
	later := func(v *balance.Verdict) { v.Later = true }
	patient := func(v *balance.Verdict) { v.After = time.Second }
	for _, c := range []struct {
		what   string
		line   line
		places []balance.Verdict
		want   string
	}{
		{"a free place", line{of: 3, all: 3, length: 9, most: time.Minute}, []balance.Verdict{place("a", full), place("big", nil)}, "asked of big"},
		{"no free place", line{of: 4, all: 6, length: 9, most: time.Minute}, []balance.Verdict{place("a", full)}, "waits for a place: number 5 in the queue, for at most 1m0s (queue.wait)"},
		{"better to wait", line{length: 9, most: time.Minute}, []balance.Verdict{place("a", full), place("b", later), place("c", patient)},
			"waits for a place: number 1 in the queue, for at most 1m0s (queue.wait)"},
		{"a full queue", line{of: 1, all: 4, length: 4}, []balance.Verdict{place("a", full)}, "503: 4 requests wait already (queue.length)"},
		{"a queue of one", line{of: 0, all: 1, length: 1}, []balance.Verdict{place("a", full)}, "503: 1 request waits already (queue.length)"},
		{"no queue", line{}, []balance.Verdict{place("a", full)}, "503: every server is busy, and none may wait (queue.length)"},
		{"a full queue has it take what it would have left", line{of: 4, all: 4, length: 4}, []balance.Verdict{place("a", full), place("b", later)}, "asked of b"},
		{"never looked at", line{length: 9}, []balance.Verdict{place("a", health(balance.Unknown))}, "asked of a, which nobody has looked at yet"},
		{"not listed", line{length: 9}, []balance.Verdict{place("a", health(balance.Missing))}, "asked of a, though no server that is up lists the model"},
		{"broken", line{length: 9}, []balance.Verdict{place("a", health(balance.Broken)), place("b", health(balance.Down))}, "asked of a, though requests fail there: nothing better is left"},
		{"down", line{length: 9}, []balance.Verdict{place("a", health(balance.Down)), place("b", health(balance.Down))}, "502, unless one answers after all: every server is down"},
		{"what has less hope is not weighed", line{length: 9, most: time.Minute}, []balance.Verdict{place("a", full), place("b", health(balance.Missing))},
			"waits for a place: number 1 in the queue, for at most 1m0s (queue.wait)"},
	} {
		if got := c.line.now(c.places); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.what, got, c.want)
		}
	}
}

func at(id string) *fleet.Server {
	return fleet.New(fleet.Options{ID: id, URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
}
