package shared

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gollamas/internal/keys"
)

func TestTwoReplicasHoldAKeyToOneRateOfRequests(t *testing.T) {
	t.Parallel()
	a, b := two(t, newStore(t, "a pass/word@"))
	ka, kb := a.holder(keys.Key{PerMinute: 6}), b.holder(keys.Key{PerMinute: 6})
	var admitted atomic.Int64
	var wg sync.WaitGroup
	for _, h := range []*keys.Holder{ka, kb} {
		for range 6 { // each alone would admit all of its own
			wg.Go(func() {
				if end, no := take(t, h); no == nil {
					admitted.Add(1)
					end(0)
				}
			})
		}
	}
	wg.Wait()
	if n := admitted.Load(); n != 6 {
		t.Errorf("%d requests were admitted, not 6", n)
	}
	no := refuses(t, ka, keys.LimitRequests)
	if no.After <= 0 || no.After > 10*time.Second {
		t.Errorf("there is room in %v, of a request every ten seconds", no.After)
	}
	if again := refuses(t, kb, keys.LimitRequests); again.After > no.After {
		t.Errorf("a refusal has cost something: %v, then %v", no.After, again.After)
	}
}

func TestRoomForRequestsComesBackAtTheirRate(t *testing.T) {
	t.Parallel()
	a, b := two(t, newStore(t, ""))
	ka, kb := a.holder(keys.Key{PerMinute: 600}), b.holder(keys.Key{PerMinute: 600}) // one in 100 ms
	n, began := 0, time.Now()
	for no := (*keys.Refusal)(nil); no == nil; n++ {
		_, no = take(t, ka)
	}
	if most := 601 + int(time.Since(began)/(100*time.Millisecond)); n < 600 || n > most+1 {
		t.Errorf("%d at once, not about 600", n)
	}
	for range 3 {
		at := time.Now()
		eventually(t, "there is room", func() bool { _, no := take(t, kb); return no == nil })
		if took := time.Since(at); took > 5*time.Second {
			t.Errorf("there was room after %v", took)
		}
	}
}

func TestTwoReplicasHoldAKeyToOneDaysTokens(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	a, b := two(t, s)
	ka, kb := a.holder(keys.Key{PerDay: 100}), b.holder(keys.Key{PerDay: 100})
	takes(t, ka)(60)
	takes(t, kb)(39)
	takes(t, ka)(1) // the hundredth
	no := refuses(t, kb, keys.LimitTokens)
	if no.After <= 0 || no.After > 24*time.Hour {
		t.Errorf("there are more in %v", no.After)
	}
	refuses(t, ka, keys.LimitTokens)
	c := s.client()
	defer c.Close()
	if left := c.TTL(context.Background(), tokensKey+"team: a").Val(); left <= 24*time.Hour || left > 48*time.Hour {
		t.Errorf("the day's tokens are kept for %v", left)
	}
	for _, name := range c.Keys(context.Background(), "*").Val() {
		if !strings.HasPrefix(name, "gollamas:") {
			t.Errorf("there is a %q in the Redis", name)
		}
	}
}

func TestTwoReplicasHoldAKeyToSoManyAtOnce(t *testing.T) {
	t.Parallel()
	a, b := two(t, newStore(t, ""))
	ka, kb := a.holder(keys.Key{Parallel: 3}), b.holder(keys.Key{Parallel: 3})
	first := takes(t, ka)
	takes(t, kb)
	takes(t, kb)
	refuses(t, ka, keys.LimitParallel)
	refuses(t, kb, keys.LimitParallel)
	first(0)
	for range 50 { // whoever has an answer may ask the other replica at once
		takes(t, kb)(0)
		takes(t, ka)(0)
	}
	time.Sleep((often + 2) * rhythm) // every number was told anew
	end := takes(t, ka)
	refuses(t, kb, keys.LimitParallel)
	end(0)
}

func TestManyAtOnceNeverTakeMoreThanThereIs(t *testing.T) {
	t.Parallel()
	a, b := two(t, newStore(t, ""))
	var running, most, served atomic.Int64
	var wg sync.WaitGroup
	for _, h := range []*keys.Holder{a.holder(keys.Key{Parallel: 2}), b.holder(keys.Key{Parallel: 2})} {
		for range 4 {
			wg.Go(func() {
				for n := 0; n < 10; {
					end, no := take(t, h)
					if no != nil {
						time.Sleep(time.Millisecond)
						continue
					}
					n++
					now := running.Add(1)
					for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
					}
					served.Add(1)
					time.Sleep(time.Millisecond)
					running.Add(-1)
					end(1)
				}
			})
		}
	}
	wg.Wait()
	if most.Load() != 2 || served.Load() != 80 {
		t.Errorf("%d at once, %d served", most.Load(), served.Load())
	}
	end := takes(t, a.holder(keys.Key{Parallel: 2}))
	takes(t, b.holder(keys.Key{Parallel: 2}))(0) // nothing has leaked
	end(0)
}

func TestAReplicaThatLeavesFreesItsPlacesAtOnceAndOneThatDiesSoon(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	a, b := two(t, s)
	k := keys.Key{Parallel: 1}
	kb := b.holder(k)
	takes(t, a.holder(k))
	refuses(t, kb, keys.LimitParallel)
	a.stop()
	takes(t, kb)(0)

	c := join(t, s.url(), patient)
	eventually(t, "they know of each other", func() bool { return b.Status().Replicas == 2 && c.Status().Replicas == 2 })
	takes(t, c.holder(k))
	c.work(0)
	c.work(1)
	b.sees(t, 0, 1)
	b.sees(t, 1, 1)
	died := time.Now()
	c.redis.Close() // no more is heard of it
	refuses(t, kb, keys.LimitParallel)
	eventually(t, "its place is free", func() bool {
		end, no := take(t, kb)
		if no == nil {
			end(0)
		}
		return no == nil
	})
	if took := time.Since(died); took < silent-2*rhythm {
		t.Errorf("it was given up after %v", took)
	}
	b.sees(t, 0, 0)
	b.sees(t, 1, 0)
	if n := b.Status().Replicas; n != 1 {
		t.Errorf("%d replicas", n)
	}
}
