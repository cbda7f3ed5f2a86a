package keys

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func taker(t *testing.T, k Key) *Holder {
	t.Helper()
	k.Name = "k"
	return ring(t, nil, k).named("k")
}

// take takes at once, and says for which limit it could not.
func take(t *testing.T, h *Holder) (end func(int64), why Limit, after time.Duration) {
	t.Helper()
	end, no := h.Take(t.Context(), time.Now())
	if no != nil {
		return nil, no.Limit, no.After
	}
	return end, "", 0
}

func TestAMinuteHasSoManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := taker(t, Key{PerMinute: 6})
		for i := range 6 { // a whole minute's at once
			if _, why, _ := take(t, h); why != "" {
				t.Fatalf("request %d: %s", i, why)
			}
		}
		for range 3 { // refused ones do not count
			if _, why, after := take(t, h); why != LimitRequests || after != 10*time.Second {
				t.Fatalf("%q after %s", why, after)
			}
		}
		time.Sleep(10 * time.Second)
		if _, why, _ := take(t, h); why != "" {
			t.Error("ten seconds later:", why)
		}
		if _, why, _ := take(t, h); why != LimitRequests {
			t.Error("and one more is too much")
		}
	})
}

func TestSoManyRequestsAtOnce(t *testing.T) {
	h := taker(t, Key{Parallel: 2})
	one, _, _ := take(t, h)
	two, _, _ := take(t, h)
	if _, why, after := take(t, h); why != LimitParallel || after != time.Second {
		t.Errorf("%q after %s", why, after)
	}
	one(0)
	three, why, _ := take(t, h)
	if why != "" {
		t.Error(why)
	}
	two(0)
	three(0)
	if n := h.taken.running; n != 0 {
		t.Errorf("%d run still", n)
	}
}

func TestADayHasSoManyTokensAndTheNextDayAsMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is midnight, UTC, of a day in 2000
		time.Sleep(23 * time.Hour)
		h := taker(t, Key{PerDay: 100})
		end, why, _ := take(t, h)
		if why != "" {
			t.Fatal(why)
		}
		other, _, _ := take(t, h) // under way when the tokens are used up: it may finish
		end(99)
		if _, why, _ := take(t, h); why != "" {
			t.Error("99 of 100 have been had:", why)
		}
		other(50)
		if _, why, after := take(t, h); why != LimitTokens || after != time.Hour {
			t.Errorf("%q after %s", why, after)
		}
		time.Sleep(time.Hour)
		late, why, _ := take(t, h)
		if why != "" {
			t.Error("past midnight:", why)
		}
		late(100)
		if _, why, after := take(t, h); why != LimitTokens || after != 24*time.Hour {
			t.Errorf("%q after %s", why, after)
		}
	})
}

func TestWhatAKeyHasTakenSurvivesAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := Key{Name: "k", PerMinute: 2, PerDay: 10, Parallel: 3}
		before := ring(t, nil, k)
		end, _, _ := take(t, before.named("k"))
		k.Parallel, k.PerMinute = 1, 60
		after := ring(t, before, k)
		if _, why, _ := take(t, after.named("k")); why != LimitParallel {
			t.Errorf("one is running, and one may: %q", why)
		}
		end(10)
		if _, why, _ := take(t, after.named("k")); why != LimitTokens {
			t.Errorf("its tokens were had before the reload: %q", why)
		}
		k.PerDay = 0
		if _, why, _ := take(t, ring(t, after, k).named("k")); why != "" {
			t.Error(why)
		}
	})
}

// A refusing is what others count: it refuses, or does not.
type refusing struct {
	no    *Refusal
	given []int64
}

func (r *refusing) Take(context.Context, Key, time.Time) *Refusal { return r.no }
func (r *refusing) Give(_ Key, tokens int64, _ time.Time)         { r.given = append(r.given, tokens) }

func TestWhatReplicasCountRefusesToo(t *testing.T) {
	k := Key{Name: "k", PerMinute: 1, Parallel: 1}
	others := &refusing{no: k.TooMany()}
	r, err := NewRing([]Key{k}, nil, others)
	if err != nil {
		t.Fatal(err)
	}
	h := r.named("k")
	if _, why, _ := take(t, h); why != LimitParallel {
		t.Errorf("%q", why)
	}
	others.no = nil
	end, why, _ := take(t, h) // what the others refused was not counted here
	if why != "" {
		t.Fatal(why)
	}
	end(7)
	if len(others.given) != 1 || others.given[0] != 7 {
		t.Errorf("given back: %v", others.given)
	}
}

func TestWhereNobodyKnowsWhatReplicasHaveTakenEachCountsForItself(t *testing.T) {
	k := Key{Name: "k", Parallel: 1}
	away := &refusing{}
	r, err := NewRing([]Key{k}, nil, away)
	if err != nil {
		t.Fatal(err)
	}
	end, why, _ := take(t, r.named("k"))
	if why != "" {
		t.Fatal(why)
	}
	if _, why, _ := take(t, r.named("k")); why != LimitParallel {
		t.Errorf("%q", why)
	}
	end(3)
	if len(away.given) != 1 { // for when somebody knows again
		t.Errorf("told of %v", away.given)
	}
}

func TestLimitsHoldWhoeverAsksAtOnce(t *testing.T) {
	h := taker(t, Key{Parallel: 5})
	var wg sync.WaitGroup
	var mu sync.Mutex
	most, now := 0, 0
	for range 50 {
		wg.Go(func() {
			for range 200 {
				end, no := h.Take(context.Background(), time.Now())
				if no != nil {
					continue
				}
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				mu.Lock()
				now--
				mu.Unlock()
				end(1)
			}
		})
	}
	wg.Wait()
	if most > 5 || h.taken.running != 0 {
		t.Errorf("%d at once, %d left", most, h.taken.running)
	}
}
