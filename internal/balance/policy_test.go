package balance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gollamas/internal/fleet"
)

// ranked is the order a policy puts candidates in, by their places in the list: 0 is a, 1 is b.
func ranked(policy string, round uint64, all ...Candidate) string {
	return letters(arranged(policy, 0, round, all...))
}

func arranged(policy string, ahead int, round uint64, all ...Candidate) []Candidate {
	for i := range all {
		all[i].Rank, all[i].Weight = i, max(all[i].Weight, 1)
	}
	arrange(all, Named(policy), ahead, round)
	return all
}

func letters(all []Candidate) string {
	var b strings.Builder
	for _, c := range all {
		b.WriteByte(byte('a' + c.Rank))
	}
	return b.String()
}

// A loaded candidate has two places and is known to need 10 s for a load and 2 s for an answer; so have those after it.
func loaded(inFlight int) Candidate {
	c := cold(inFlight)
	c.Loaded, c.Suits = true, true
	return c
}

func cold(inFlight int) Candidate {
	return Candidate{InFlight: inFlight, Same: inFlight, Places: 2, Load: 10 * time.Second, Service: 2 * time.Second, Fits: fleet.FitYes, Settled: forever}
}

func loading(since time.Duration) Candidate {
	c := cold(1)
	c.Loading, c.Since = true, since
	return c
}

func with(c Candidate, change func(*Candidate)) Candidate {
	change(&c)
	return c
}

func TestLoadedFirstAsksWhereTheAnswerComesSoonest(t *testing.T) {
	otherContext := with(loaded(0), func(c *Candidate) { c.Suits = false })
	for _, c := range []struct {
		what string
		all  []Candidate
		want string
	}{
		{"loaded, then loading, then cold", []Candidate{cold(0), loading(time.Second), loaded(0)}, "cba"},
		{"nearly loaded before hardly begun", []Candidate{loading(time.Second), loading(6 * time.Second)}, "ba"},
		{"loaded with another context after loaded with this one", []Candidate{otherContext, loaded(1)}, "ba"},
		{"a busy one that has it before one that has another context", []Candidate{otherContext, loaded(4)}, "ba"},
		{"the least busy of those that have it", []Candidate{loaded(1), loaded(0)}, "ba"},
		{"waiting for a place before a load", []Candidate{cold(0), loaded(2)}, "ba"},
		{"one with room before one that must push out what is in use", []Candidate{
			with(cold(0), func(c *Candidate) { c.Fits, c.Evicts = fleet.FitNo, 8*time.Second }), cold(1)}, "ba"},
		{"what has rested is pushed out before what is in use", []Candidate{
			with(cold(0), func(c *Candidate) { c.Fits, c.Evicts = fleet.FitNo, 8*time.Second }),
			with(cold(0), func(c *Candidate) { c.Fits, c.Evicts = fleet.FitNo, time.Second })}, "ba"},
		{"where it does not fit even alone, last", []Candidate{with(cold(0), func(c *Candidate) { c.Spills = true }), cold(1)}, "ba"},
		{"not where another model is being loaded", []Candidate{with(cold(0), func(c *Candidate) { c.Taken = true }), cold(0)}, "ba"},
		{"where it does not have to leave for another", []Candidate{with(loaded(0), func(c *Candidate) { c.Yields = true }), loaded(1)}, "ba"},
	} {
		for round := range uint64(4) {
			if got := ranked("loaded-first", round, append([]Candidate(nil), c.all...)...); got != c.want {
				t.Errorf("%s: round %d gives %s, want %s", c.what, round, got, c.want)
			}
		}
	}
}

func TestALongQueueIsWorthASecondLoad(t *testing.T) {
	// Two places give an answer a second; a load is 10 s and costs others as much.
	for ahead, want := range map[int]string{0: "ab", 10: "ab", 18: "ab", 30: "ba"} {
		if got := letters(arranged("loaded-first", ahead, 0, loaded(2), cold(0))); got != want {
			t.Errorf("behind %d others: %s, want %s", ahead, got, want)
		}
	}
}

func TestWhoWaitsForALoadedModelTakesALoadOnlyOnceThatHasCostAsMuch(t *testing.T) {
	all := arranged("loaded-first", 0, 0, loaded(2), cold(0))
	if other := all[1]; other.After != 20*time.Second || !other.spared(19*time.Second) || other.spared(20*time.Second) {
		t.Errorf("after %v, want twice the load", other.After)
	}
	all = arranged("loaded-first", 0, 0, loaded(1), cold(0))
	if all[1].After != 0 {
		t.Error("the one that has it has a place: nobody is to wait for another")
	}
}

func TestABusyServerWorksWithWhatItHasJustLoaded(t *testing.T) {
	tight := with(cold(1), func(c *Candidate) { c.Fits, c.Evicts, c.Settled = fleet.FitNo, 10*time.Second, 29*time.Second })
	for _, c := range []struct {
		what  string
		at    Candidate
		later bool
	}{
		{"29 s after a load, where another costs 30", tight, true},
		{"30 s after it", with(tight, func(c *Candidate) { c.Settled = 30 * time.Second }), false},
		{"with nothing to do", with(tight, func(c *Candidate) { c.InFlight = 0 }), false},
		{"with room", with(tight, func(c *Candidate) { c.Fits, c.Evicts = fleet.FitYes, 0 }), false},
		{"while it loads another", with(cold(0), func(c *Candidate) { c.Taken = true }), true},
		{"while it loads another, without a bound on its requests", with(cold(0), func(c *Candidate) { c.Taken, c.Places = true, 0 }), false},
	} {
		if got := arranged("loaded-first", 0, 0, c.at)[0].Later; got != c.later {
			t.Errorf("%s: later %v", c.what, got)
		}
	}
}

func TestWhatIsNotKnownIsNeitherZeroNorTheWorst(t *testing.T) {
	known := func(load time.Duration) Candidate { return with(cold(0), func(c *Candidate) { c.Load = load }) }
	if got := ranked("loaded-first", 0, known(30*time.Second), known(0), known(10*time.Second)); got != "cba" {
		t.Errorf("loads of 30 s, unknown and 10 s: %s", got)
	}
	nothing := []Candidate{{Fits: fleet.FitYes, Settled: forever}}
	if arranged("loaded-first", 0, 0, nothing...); nothing[0].Cost <= 0 {
		t.Error("a load nobody has measured costs nothing")
	}
}

func TestWeights(t *testing.T) {
	heavy := with(loaded(0), func(c *Candidate) { c.Weight = 3 })
	for _, policy := range []string{"loaded-first", "least-busy", "round-robin"} {
		first := map[byte]int{}
		for round := range uint64(40) {
			first[ranked(policy, round, heavy, loaded(0))[0]]++
		}
		if first['a'] != 30 || first['b'] != 10 {
			t.Errorf("%s: of 40 the one with weight 3 has %d, the other %d", policy, first['a'], first['b'])
		}
	}
	// Two of ours on weight 3 are less than one on weight 1.
	if got := ranked("least-busy", 3, with(cold(2), func(c *Candidate) { c.Weight = 3 }), cold(1)); got != "ab" {
		t.Errorf("least-busy does not weigh: %s", got)
	}
}

func TestTiesTakeTurns(t *testing.T) {
	for policy, want := range map[string]string{
		"loaded-first": "abc bca cab abc", "least-busy": "abc bca cab abc", "round-robin": "abc bca cab abc", "in-order": "abc abc abc abc",
	} {
		var got []string
		for round := range uint64(4) {
			got = append(got, ranked(policy, round, loaded(0), loaded(0), loaded(0)))
		}
		if fmt.Sprint(got) != "["+want+"]" {
			t.Errorf("%s: %v, want %s", policy, got, want)
		}
	}
}

func TestTierComesFirst(t *testing.T) {
	for _, policy := range Names {
		for round := range uint64(4) {
			spare := with(loaded(0), func(c *Candidate) { c.Tier = 1 })
			if got := ranked(policy, round, spare, cold(2)); got != "ba" {
				t.Errorf("%s: %s", policy, got)
			}
		}
	}
}

func TestALoadInAHigherTierIsWorthItOnlyAfterAWait(t *testing.T) {
	higher := func(c Candidate) Candidate { c.Tier = 1; return c }
	all := arranged("loaded-first", 0, 0, loaded(2), higher(cold(0)), higher(loaded(0)))
	for _, c := range all {
		if c.Suits && c.After != 0 || !c.Suits && c.After != 20*time.Second {
			t.Errorf("%+v", c)
		}
	}
	for _, c := range arranged("least-busy", 0, 0, loaded(2), higher(cold(0))) {
		if c.After != 0 {
			t.Errorf("least-busy waits: %+v", c)
		}
	}
}

func TestLeastBusyCountsForThePlaces(t *testing.T) {
	wide := with(cold(3), func(c *Candidate) { c.Places = 8 })
	for round := range uint64(2) {
		if got := ranked("least-busy", round, cold(1), wide); got != "ba" {
			t.Errorf("1 of 2 and 3 of 8: %s", got)
		}
	}
}

func TestWhatMakingRoomCosts(t *testing.T) {
	all := []resident{
		{size: 10, load: 10 * time.Second, rested: time.Second, works: true},
		{size: 10, load: 20 * time.Second, rested: time.Second},
		{size: 10, load: 30 * time.Second, rested: 10 * time.Minute},
	}
	for over, want := range map[int64]time.Duration{0: 0, 1: 3 * time.Second, 11: 23 * time.Second, 21: 33 * time.Second} {
		if got := evicted(append([]resident(nil), all...), over); got != want {
			t.Errorf("%d too much: %v, want %v", over, got, want)
		}
	}
}

func TestWhatIsLoadedYieldsToALoadThatNeedsItsRoom(t *testing.T) {
	now := time.Now()
	for surely, want := range map[bool]map[time.Duration]bool{ // a load is assumed to take three seconds
		true:  {time.Second: true, 4 * time.Second: true, time.Minute: false},
		false: {time.Second: false, 4 * time.Second: true, time.Minute: false},
	} {
		s := at("a", 2)
		turn := s.Take(fleet.Want{Key: "n", Counted: true, Evicts: true, Surely: surely}, now)
		for since, yield := range want {
			if got := yields(s, "m", s.State(), now.Add(since)); got != yield {
				t.Errorf("surely %v, after %v: %v", surely, since, got)
			}
		}
		if yields(s, "n", s.State(), now.Add(4*time.Second)) {
			t.Error("it yields to itself")
		}
		turn.Answered(now, true)
		if yields(s, "m", s.State(), now.Add(4*time.Second)) {
			t.Error("it yields to a load that is over")
		}
		turn.End(now, fleet.Outcome{})
	}
	held := with(loaded(0), func(c *Candidate) { c.Yields = true })
	if c := arranged("loaded-first", 0, 0, held)[0]; !c.Later {
		t.Errorf("a request goes there all the same: %+v", c)
	}
	if c := arranged("loaded-first", 0, 0, with(held, func(c *Candidate) { c.Places = 0 }))[0]; c.Later {
		t.Errorf("without a bound on its requests none waits: %+v", c)
	}
}

func TestAServerIsNotMadeToLoadWhatItWouldLoadForNothing(t *testing.T) {
	other := func(c Candidate) Candidate { // it has the model with another context
		return with(c, func(c *Candidate) { c.Suits, c.Settled, c.Cost = false, time.Second, 30*time.Second })
	}
	unfit := func(c Candidate) Candidate {
		return with(c, func(c *Candidate) { c.Fits, c.Settled, c.Cost = fleet.FitNo, time.Second, 20*time.Second })
	}
	rested := func(c Candidate) Candidate { return with(c, func(c *Candidate) { c.Settled = time.Minute }) }
	for what, c := range map[string]struct {
		c    Candidate
		want bool
	}{
		"a context, the model just loaded and busy":     {other(loaded(1)), true},
		"a context, another model just loaded and busy": {other(with(loaded(1), func(c *Candidate) { c.Same = 0 })), false},
		"a context, the model busy for long":            {rested(other(loaded(1))), false},
		"a context, nothing busy":                       {other(loaded(0)), false},
		"a context, while another model is loaded":      {with(other(loaded(0)), func(c *Candidate) { c.Taken = true }), true},
		"no room, another model just loaded and busy":   {unfit(with(cold(1), func(c *Candidate) { c.Same = 0 })), true},
		"no room, another model busy for long":          {rested(unfit(cold(1))), false},
		"room, another model just loaded and busy":      {with(cold(1), func(c *Candidate) { c.Settled, c.Cost = time.Second, 20*time.Second }), false},
	} {
		if got := c.c.unsettled(); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
