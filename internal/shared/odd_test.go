package shared

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gollamas/internal/keys"
)

// TestAClockOfTheRedisThatStepsBackLocksNobodyOut: the bucket seems to be full only in an hour.
func TestAClockOfTheRedisThatStepsBackLocksNobodyOut(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	a, _ := two(t, s)
	k := a.holder(keys.Key{PerMinute: 60})
	c := s.client()
	defer c.Close()
	if err := c.Set(context.Background(), requestsKey+"team: a", time.Now().Add(time.Hour).UnixMicro(), time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	if no := refuses(t, k, keys.LimitRequests); no.After > 2*time.Second {
		t.Errorf("there is room in %v", no.After)
	}
}

// TestWhatAnotherVersionSaysIsPassedOver: one replica that says its load otherwise does not end the counting of all.
func TestWhatAnotherVersionSaysIsPassedOver(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	a, b := two(t, s)
	c := s.client()
	defer c.Close()
	ctx := context.Background()
	stranger := func() {
		c.ZAdd(ctx, replicasKey, redis.Z{Score: float64(time.Now().UnixMilli()), Member: "stranger"})
		c.HSet(ctx, loadsKey, "stranger", `{"version":2,"servers":[]}`)
	}
	stranger()
	eventually(t, "the stranger is heard of", func() bool { stranger(); return a.Status().Replicas == 3 && b.Status().Replicas == 3 })
	if !a.Status().Up || !b.Status().Up || a.Status().Failures+b.Status().Failures > 0 {
		t.Errorf("%+v, %+v", a.Status(), b.Status())
	}
}

// TestACrowdOfRequestsIsNotTakenForADeadRedis: all connections to it are in use.
func TestACrowdOfRequestsIsNotTakenForADeadRedis(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	c, err := New(Options{URL: s.url(), Replica: "crowded", Bound: patient})
	if err != nil {
		t.Fatal(err)
	}
	said := *c.redis.Options()
	said.PoolSize, said.PoolTimeout = 1, time.Millisecond
	c.redis = redis.NewClient(&said)
	defer c.redis.Close()
	held := c.redis.Conn()
	defer held.Close()
	if err := held.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	c.link.rose(time.Now())
	k := keys.Key{Name: "k", PerMinute: 1}
	if no := c.Take(context.Background(), k, time.Now()); no != nil || !c.up() || c.Status().Failures > 0 {
		t.Errorf("%+v, %+v", no, c.Status())
	}
}
