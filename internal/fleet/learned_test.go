package fleet

import (
	"net/url"
	"testing"
	"time"
)

func learned(all ...time.Duration) (l Learned) {
	for _, d := range all {
		l = l.With(d)
	}
	return l
}

func TestWhatWasLearnedBoundsAStallOnlyOnceItWasSeenOften(t *testing.T) {
	s := Stall{First: 15 * time.Minute, Next: 5 * time.Minute}
	for _, c := range []struct {
		what string
		got  time.Duration
		want time.Duration
	}{
		{"nothing known", s.firstWithin(Learned{}, 100), 15 * time.Minute},
		{"seen twice", s.firstWithin(learned(time.Second, time.Second), 100), 15 * time.Minute},
		{"seen often", s.firstWithin(learned(time.Second, time.Second, time.Second), 100), 41 * time.Second},
		{"a long prompt", s.firstWithin(learned(time.Second, time.Second, time.Second), 10_000), 140 * time.Second},
		{"a picture of megabytes", s.firstWithin(learned(time.Second, time.Second, time.Second), 50<<20), 15 * time.Minute},
		{"slow by habit", s.firstWithin(learned(time.Minute, time.Minute, 2*time.Minute), 0), 15 * time.Minute},
		{"gaps, nothing known", s.nextWithin(Learned{}), 5 * time.Minute},
		{"gaps, seen often", s.nextWithin(learned(time.Second, time.Second, time.Second)), 50 * time.Second},
		{"no bound set, nothing known", Stall{}.firstWithin(Learned{}, 0), 0},
		{"no bound set, seen often", Stall{}.nextWithin(learned(time.Second, time.Second, time.Second)), 50 * time.Second},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestTheSlowestIsForgottenSlowly(t *testing.T) {
	l := learned(10 * time.Second)
	for range 100 {
		l = l.With(time.Second)
	}
	if l.Slowest > 2*time.Second || l.Typical > 1100*time.Millisecond || l.N != 101 {
		t.Errorf("%+v", l)
	}
	if l = l.With(5 * time.Second); l.Slowest != 5*time.Second {
		t.Errorf("%+v", l)
	}
}

// Ollama holds a call of a tool back until it is whole, and sends nothing meanwhile.
func TestWhatWasLearnedBoundsNoRequestWithTools(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u, Stall: Stall{First: 15 * time.Minute, Next: 5 * time.Minute}})
	now := time.Now()
	turn := func(tools bool) *Turn {
		turn := s.Take(Want{Key: "m", Counted: true, Stream: true, Tools: tools}, now)
		turn.Spare = true
		return turn
	}
	for range 5 {
		one := turn(false)
		one.Answered(now.Add(time.Second), true)
		one.End(now.Add(2*time.Second), Outcome{Verdict: Fine, Gap: time.Second})
	}
	for tools, want := range map[bool][2]time.Duration{false: {4 * 40 * time.Second, 50 * time.Second}, true: {15 * time.Minute, 5 * time.Minute}} {
		one := turn(tools)
		if first, next := one.FirstWithin(0), one.NextWithin(); first != want[0] || next != want[1] {
			t.Errorf("tools %v: %v and %v, not %v", tools, first, next, want)
		}
		one.End(now, Outcome{})
	}
}

func TestWhatWasLearnedBoundsNoRequestBehindThoseOfAnotherReplica(t *testing.T) {
	u, _ := url.Parse("http://127.0.0.1:1")
	s := New(Options{URL: u, Stall: Stall{First: 15 * time.Minute, Next: 5 * time.Minute}})
	now := time.Now()
	turn := func(others int) *Turn {
		s.SetOthers(others)
		turn := s.Take(Want{Key: "m", Counted: true, Stream: true}, now)
		turn.Spare = true
		return turn
	}
	for range 5 {
		one := turn(0)
		one.Answered(now.Add(time.Second), true)
		one.End(now.Add(2*time.Second), Outcome{Verdict: Fine, Gap: time.Second})
	}
	one := turn(1)
	if first, next := one.FirstWithin(0), one.NextWithin(); first != 15*time.Minute || next != 5*time.Minute {
		t.Errorf("%v and %v", first, next)
	}
	one.End(now, Outcome{})
	late := turn(0)
	within := late.FirstWithin(0)
	s.SetOthers(1) // what came since may have been served before it
	if most := late.FirstAtMost(within); within != 4*40*time.Second || most != 15*time.Minute {
		t.Errorf("%v, and then %v", within, most)
	}
	late.End(now, Outcome{})
}
