package keys

import (
	"context"
	"testing"
	"time"
)

// What was taken today stays taken when the clock steps back over midnight and forth again.
func TestTokensOutlastAClockThatStepsBack(t *testing.T) {
	r, err := NewRing([]Key{{Name: "a", PerDay: 10}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, day := r.holders[0], time.Unix(20000*86400+5, 0)
	h.taken.running++
	h.taken.give(10, day)
	if _, no := h.Take(context.Background(), day.Add(time.Second)); no == nil {
		t.Fatal("the day's tokens are gone, but it may take more")
	}
	_, _ = h.Take(context.Background(), day.Add(-10*time.Second))
	if _, no := h.Take(context.Background(), day.Add(2*time.Second)); no == nil {
		t.Error("one request of before midnight has given the whole day's tokens again")
	}
}
