package balance

import (
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
)

func TestReasonsSayWhatALoadCostsAndWhatHoldsARequestBack(t *testing.T) {
	for _, c := range []struct {
		policy string
		all    []Candidate
		want   string // of the last one
	}{
		{"loaded-first", []Candidate{loaded(1)}, "loaded, 1 of 2 places taken"},
		{"loaded-first", []Candidate{cold(0)}, "not loaded: a load takes about 10s and counts double, 0 of 2 places taken, costs about 20s"},
		{"loaded-first", []Candidate{with(cold(0), func(c *Candidate) { c.Load = 0; c.Size = 4500 << 20 })},
			"not loaded: a load takes about 12s, which is assumed, and counts double, 0 of 2 places taken, costs about 24s"},
		{"loaded-first", []Candidate{with(cold(0), func(c *Candidate) { c.Load = 40 * time.Millisecond })},
			"not loaded: a load takes about 40ms and counts double, 0 of 2 places taken, costs about 80ms"},
		{"loaded-first", []Candidate{with(cold(0), func(c *Candidate) { c.Loaded = true })},
			"loaded with another context: a load takes about 10s and counts three times, 0 of 2 places taken, costs about 30s"},
		{"loaded-first", []Candidate{with(cold(0), func(c *Candidate) { c.Loaded, c.Fault = true, "num_batch" })},
			"loaded with another num_batch: a load takes about 10s and counts three times, 0 of 2 places taken, costs about 30s"},
		{"in-order", []Candidate{with(cold(0), func(c *Candidate) { c.Loaded, c.Fault = true, "shift" })}, "loaded with another shift, 0 of 2 places taken"},
		{"loaded-first", []Candidate{with(cold(0), func(c *Candidate) { c.Fits = fleet.FitNo })},
			"not loaded, and does not fit beside what is: a load takes about 10s and counts double, 0 of 2 places taken, costs about 20s"},
		{"loaded-first", []Candidate{loading(3 * time.Second)}, "loading for 3s, 1 of 2 places taken, costs about 7s"},
		{"loaded-first", []Candidate{loading(400 * time.Millisecond)}, "loading, 1 of 2 places taken, costs about 9.6s"},
		{"loaded-first", []Candidate{with(cold(1), func(c *Candidate) { c.Taken = true })},
			"not loaded: a load takes about 10s and counts double, 1 of 2 places taken, costs about 30s, not now: it is busy with what it has loaded, or loads another"},
		{"loaded-first", []Candidate{loaded(2), cold(0)},
			"not loaded: a load takes about 10s and counts double, 0 of 2 places taken, costs about 20s, only for a request that has waited as long as 20s"},
		{"in-order", []Candidate{cold(0)}, "not loaded, 0 of 2 places taken"},
		{"in-order", []Candidate{with(cold(0), func(c *Candidate) { c.Load, c.Tier = 0, 1 })}, "not loaded, 0 of 2 places taken, tier 1"},
	} {
		for i := range c.all {
			c.all[i].Weight = 1
		}
		measured := measured(c.all)
		arrange(c.all, Named(c.policy), 0, 0)
		if got := c.all[len(c.all)-1].why(model, measured, time.Now()); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.policy, got, c.want)
		}
	}
}

func TestATierInWhichNothingWasMeasuredAssumes(t *testing.T) {
	got := measured([]Candidate{{Load: 1}, {Tier: 1}, {Tier: 2, Load: 1}, {Tier: 2}})
	if !got[0] || got[1] || !got[2] {
		t.Errorf("%v", got)
	}
}

func TestExplainSaysWhatIsAssumedUntilALoadWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := seen(t, "a")
		defer stop()
		c := newCounter(t, 7, time.Minute, s)
		ask := Ask{Key: model, Members: func() []Member { return c.members }, Policy: Named(c.policy), Counted: true}
		if got := c.Explain(ask)[0].Why; got != "not loaded: a load takes about 3s, which is assumed, and counts double, 0 in flight, costs about 6s" {
			t.Error(got)
		}
		if length, most := c.Limits(); length != 7 || most != time.Minute {
			t.Errorf("%d %v", length, most)
		}
	})
}

func TestABrokenServersReasonSaysWhenItIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := seen(t, "a")
		defer stop()
		c := newCounter(t, 7, time.Minute, s)
		ask := Ask{Key: model, Members: func() []Member { return c.members }, Policy: Named(c.policy), Counted: true}
		for range 3 {
			s.Take(fleet.Want{Key: model, Counted: true}, time.Now()).End(time.Now(), fleet.Outcome{Verdict: fleet.Failed, Reason: "cut"})
		}
		if got := c.Explain(ask)[0].Why; got != "the model fails there: cut; for 10s more it is asked only if nothing else has answered" {
			t.Error(got)
		}
		time.Sleep(11 * time.Second)
		s.Take(fleet.Want{Key: model, Counted: true}, time.Now())
		if got := c.Explain(ask)[0].Why; got != "the model fails there: cut; a request is there to see whether it works again" {
			t.Error(got)
		}
	})
}
