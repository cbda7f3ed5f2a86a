package jobs

import (
	"math"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

func TestWhenAPingIsDue(t *testing.T) {
	const ever = time.Duration(math.MaxInt64)
	for _, c := range []struct {
		keep, every  time.Duration
		needed       bool
		pause, again time.Duration // to the next, and where that fails to the one after
	}{
		{0, 4 * time.Minute, true, 4 * time.Minute, 30 * time.Second}, // nothing is known
		{0, 10 * time.Second, true, 10 * time.Second, 10 * time.Second},
		{5 * time.Minute, 4 * time.Minute, true, 4 * time.Minute, 7500 * time.Millisecond},
		{4 * time.Minute, 4 * time.Minute, true, 210 * time.Second, 7500 * time.Millisecond},
		{time.Minute, 4 * time.Minute, true, 30 * time.Second, 7500 * time.Millisecond},
		{20 * time.Second, 4 * time.Minute, true, 10 * time.Second, 2500 * time.Millisecond},
		{time.Second, 4 * time.Minute, true, 500 * time.Millisecond, 250 * time.Millisecond},
		{time.Second, time.Second, true, 500 * time.Millisecond, 250 * time.Millisecond},
		{500 * time.Millisecond, time.Minute, true, 250 * time.Millisecond, 250 * time.Millisecond},
		{400 * time.Millisecond, time.Minute, false, 250 * time.Millisecond, 250 * time.Millisecond}, // it cannot be kept so
		{1, time.Minute, false, 250 * time.Millisecond, 250 * time.Millisecond},                      // it was to leave at once
		{ever, time.Minute, false, time.Minute, 7500 * time.Millisecond},
		{time.Hour, 0, false, 250 * time.Millisecond, 7500 * time.Millisecond}, // never
	} {
		at := time.Now()
		s := span{at, c.keep, c.every}
		if s.needed() != c.needed || s.pause() != c.pause || s.soon() != c.again || !s.next().Equal(at.Add(c.pause)) {
			t.Errorf("keep %v, every %v: needed %v, after %v, again after %v", c.keep, c.every, s.needed(), s.pause(), s.soon())
		}
		if c.needed && c.keep > 0 && s.over(s.next()) {
			t.Errorf("keep %v, every %v: it has left before", c.keep, c.every)
		}
		if over := s.over(at.Add(c.keep)); over != (c.keep > 0) {
			t.Errorf("keep %v: over at its end: %v", c.keep, over)
		}
	}
}

func TestHowLongAModelStaysIsReckonedFromWhatWasSaidAndSeen(t *testing.T) {
	used := time.Now()
	came := used.Add(-time.Hour)
	shows := func(expires time.Duration) *fleet.Model {
		return &fleet.Model{Listed: ollama.Listed{ExpiresAt: used.Add(expires)}}
	}
	before, after := used.Add(-time.Second), used.Add(3*time.Second)
	for what, c := range map[string]struct {
		facts  fleet.Facts
		model  *fleet.Model
		looked time.Time
		keeps  time.Duration // that was seen before
		from   time.Time
		keep   time.Duration
	}{
		"nothing is known":                        {fleet.Facts{Used: used}, nil, before, 0, used, 0},
		"what was said":                           {fleet.Facts{Used: used, Kept: time.Minute}, nil, after, 0, used, time.Minute},
		"what is seen":                            {fleet.Facts{Used: used}, shows(5 * time.Minute), after, 0, used, 5 * time.Minute},
		"what was seen before is less":            {fleet.Facts{Used: used}, shows(5 * time.Minute), after, time.Minute, used, time.Minute},
		"the look is older than the last use":     {fleet.Facts{Used: used}, shows(time.Minute), before, 0, used, 0},
		"the same, and something was seen before": {fleet.Facts{Used: used}, shows(time.Minute), before, time.Hour, used, time.Hour},
		"it is busy":                              {fleet.Facts{Used: used, InFlight: 1}, shows(time.Minute), after, 0, used, 0},
		"others have said less since":             {fleet.Facts{Used: used, Kept: time.Hour}, shows(time.Minute), after, 0, used, time.Minute},
		"others have said more since":             {fleet.Facts{Used: used, Kept: time.Minute}, shows(time.Hour), after, 0, used, time.Minute},
		"clocks differ a little":                  {fleet.Facts{Used: used, Kept: time.Minute}, shows(59 * time.Second), after, 0, used, time.Minute},
		"the server's clock is far behind":        {fleet.Facts{Used: used, Kept: time.Minute}, shows(-time.Hour), after, 0, used, time.Minute},
		"and nobody has said anything":            {fleet.Facts{Used: used}, shows(-time.Hour), after, 0, used, 0},
		"others have loaded it":                   {fleet.Facts{}, shows(time.Minute), after, 0, came, time.Hour + time.Minute},
	} {
		r := &resident{came: came, keeps: c.keeps}
		if got := r.reckon(&c.facts, c.model, c.looked, time.Hour); !got.from.Equal(c.from) || got.keep != c.keep {
			t.Errorf("%s: %v behind %v, want %v behind %v", what, got.keep, got.from, c.keep, c.from)
		}
	}
}

func TestPausesBetweenLoadsThatFail(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Minute, 2: 2 * time.Minute, 4: 8 * time.Minute, 5: 15 * time.Minute, 1000: 15 * time.Minute} {
		if got := pause(n); got != want {
			t.Errorf("after %d: %v, want %v", n, got, want)
		}
	}
}

func TestWhatDidNotFitBesideSomeModelsDoesNotFitBesideMore(t *testing.T) {
	before := guests{"a": 10, "b": 20}
	for what, c := range map[string]struct {
		now   guests
		still bool
	}{
		"the same":                 {guests{"a": 10, "b": 20}, true},
		"one more":                 {guests{"a": 10, "b": 20, "c": 1}, true},
		"one takes more":           {guests{"a": 11, "b": 20}, true},
		"one's size is not known":  {guests{"a": 0, "b": 20}, true},
		"one is gone":              {guests{"a": 10}, false},
		"another is there instead": {guests{"a": 10, "c": 20}, false},
		"one takes less":           {guests{"a": 10, "b": 19}, false},
		"all are gone":             {guests{}, false},
	} {
		if got := c.now.still(before); got != c.still {
			t.Errorf("%s: %v", what, got)
		}
	}
}
