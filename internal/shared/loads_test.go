package shared

import (
	"context"
	"sync"
	"testing"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
)

const model = "registry.ollama.ai/library/one:latest"

// work has a request on a server until it is ended.
func (r *replica) work(server int) (end func()) {
	turn := r.servers[server].Take(fleet.Want{Key: model, Counted: true}, time.Now())
	return func() { turn.End(time.Now(), fleet.Outcome{}) }
}

// desk gives places on the replica's servers.
func (r *replica) desk(policy string) *balance.Call {
	members := []balance.Member{{Server: r.servers[0]}, {Server: r.servers[1]}}
	return balance.NewDesk(10, time.Minute).Call(balance.Ask{
		Key: model, Model: "one", Members: func() []balance.Member { return members }, Policy: balance.Named(policy), Counted: true,
	})
}

func (r *replica) sees(t *testing.T, server, n int) {
	t.Helper()
	eventually(t, "the others' load is known", func() bool { return r.servers[server].Others() == n })
}

func TestLeastBusyPicksTheServerThatTheOtherReplicaHasNotFilled(t *testing.T) {
	t.Parallel()
	a, b := two(t, newStore(t, ""))
	for range 2 {
		a.work(0)
	}
	b.sees(t, 0, 2)
	b.work(1) // one is less than two
	for _, want := range []string{"b", "a"} {
		turn, err := b.desk("least-busy").Next(t.Context(), fleet.HopeAll)
		if err != nil || turn.Server.ID() != want {
			t.Fatalf("%v (%v), not %s", turn.Server.ID(), err, want)
		}
		b.work(1)
		if want == "b" {
			b.work(1)
		}
	}
	if a.servers[0].InFlight() != 2 || b.servers[0].InFlight() != 1 {
		t.Error("what is the other's is taken for one's own")
	}
}

func TestAServersPlacesAreHeldByReplicasTogether(t *testing.T) {
	t.Parallel()
	a, b := two(t, newStore(t, ""))
	end := a.work(2)
	b.sees(t, 2, 1)
	members := []balance.Member{{Server: b.servers[2]}}
	desk := balance.NewDesk(10, time.Minute)
	go func() {
		for range b.changed {
			desk.Dispatch()
		}
	}()
	given := make(chan time.Time, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		_, err := desk.Call(balance.Ask{Key: model, Model: "one", Members: func() []balance.Member { return members }, Policy: balance.Named("in-order"), Counted: true}).Next(t.Context(), fleet.HopeAll)
		if err != nil {
			t.Error(err)
		}
		given <- time.Now()
	})
	eventually(t, "it waits", func() bool { return len(desk.Queues()) == 1 })
	time.Sleep(3 * rhythm)
	select {
	case <-given:
		t.Error("two replicas have filled one place")
	default:
	}
	end()
	ended := time.Now()
	t.Logf("the other replica took the place after %v", (<-given).Sub(ended))
	close(b.changed)
}

func TestWhatARedisHasLostIsToldAnew(t *testing.T) {
	t.Parallel()
	s := newStore(t, "")
	a, b := two(t, s)
	a.work(1)
	b.sees(t, 1, 1)
	c := s.client()
	defer c.Close()
	if err := c.FlushAll(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	b.sees(t, 1, 1)
	eventually(t, "two replicas", func() bool { return a.Status().Replicas == 2 && b.Status().Replicas == 2 })
}
