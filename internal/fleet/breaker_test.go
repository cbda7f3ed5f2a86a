package fleet

import (
	"testing"
	"time"
)

// ends runs a breaker through outcomes, a second apart.
func ends(b Breaker, at time.Time, all ...Outcome) (Breaker, time.Time) {
	for _, o := range all {
		at = at.Add(time.Second)
		trial := false
		b, trial = b.trial(at)
		b = b.after(at, o, trial)
	}
	return b, at
}

var (
	fails   = Outcome{Verdict: Failed, Reason: "connection reset"}
	works   = Outcome{Verdict: Fine}
	nothing = Outcome{}
)

func TestABreakerOpensAfterThreeFailuresInARow(t *testing.T) {
	start := time.Now()
	if b, _ := ends(Breaker{}, start, fails, fails, works, fails, nothing, fails); b.Open() {
		t.Errorf("open after two in a row: %+v", b)
	}
	b, now := ends(Breaker{}, start, fails, fails, nothing, fails)
	if !b.Open() || b.Lets(now) || b.Name(now) != "open" || b.Reason != "connection reset" || b.Pause != firstPause {
		t.Errorf("after three: %+v", b)
	}
}

func TestOneStallIsEnough(t *testing.T) {
	if b, _ := ends(Breaker{}, time.Now(), Outcome{Verdict: Stalled, Reason: "no first token"}); !b.Open() {
		t.Errorf("%+v", b)
	}
}

func TestAHalfOpenBreakerLetsOneThrough(t *testing.T) {
	b, now := ends(Breaker{}, time.Now(), fails, fails, fails)
	if _, trial := b.trial(now); trial {
		t.Error("one is let through while it is open")
	}
	now = now.Add(firstPause)
	if !b.Lets(now) || b.Name(now) != "half-open" {
		t.Errorf("not half-open: %+v", b)
	}
	b, trial := b.trial(now)
	if !trial || b.Lets(now) {
		t.Errorf("not one alone: %v %+v", trial, b)
	}
	if left := b.after(now, nothing, true); !left.Lets(now) || !left.Open() {
		t.Errorf("after a trial that showed nothing, another may come: %+v", left)
	}
	if again := b.after(now, fails, true); again.Pause != 2*firstPause || again.Lets(now.Add(firstPause)) {
		t.Errorf("after a trial that failed: %+v", again)
	}
	if late := b.after(now, fails, false); late.Until != b.Until || !late.Trying {
		t.Errorf("a failure of one that was sent before counts: %+v", late)
	}
	if b.after(now, works, true).Open() {
		t.Error("still open after a trial that worked")
	}
}

func TestThePauseOfABreakerIsBounded(t *testing.T) {
	b, _ := ends(Breaker{}, time.Now(), fails, fails, fails)
	for range 20 {
		now := b.Until
		b, _ = b.trial(now)
		b = b.after(now, fails, true)
	}
	if b.Pause != longestPause {
		t.Errorf("%v", b.Pause)
	}
}
