package balance

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

const model = "registry.ollama.ai/library/one:latest"

// at is a server that nobody has looked at, which is as good as any other such.
func at(id string, parallel int) *fleet.Server {
	return fleet.New(fleet.Options{ID: id, URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Parallel: parallel})
}

// A counter asks a desk for places.
type counter struct {
	*Desk
	members []Member
	policy  string
	ctx     context.Context
}

func newCounter(t *testing.T, length int, most time.Duration, servers ...*fleet.Server) *counter {
	c := &counter{Desk: NewDesk(length, most), policy: "loaded-first", ctx: t.Context()}
	for _, s := range servers {
		c.members = append(c.members, Member{Server: s})
	}
	return c
}

func (c *counter) call(key string) *Call {
	return c.Call(Ask{Key: key, Model: key, Members: func() []Member { return c.members }, Policy: Named(c.policy), Counted: true})
}

// A got is what a request for a place has led to.
type got struct {
	turn *fleet.Turn
	err  error
	took time.Duration
}

// ask waits for a place in the background, and returns when nothing moves any more.
func (c *counter) ask(ctx context.Context, key string) <-chan got {
	out, began := make(chan got, 1), time.Now()
	call := c.call(key)
	go func() {
		turn, err := call.Next(ctx, fleet.HopeAll)
		out <- got{turn, err, time.Since(began)}
	}()
	synctest.Wait()
	return out
}

// now is for a request that is given its place at once.
func (c *counter) now(t *testing.T, key string) *fleet.Turn {
	t.Helper()
	select {
	case g := <-c.ask(c.ctx, key):
		if g.turn == nil {
			t.Fatalf("no place: %v", g.err)
		}
		return g.turn
	default:
		t.Fatal("it has to wait")
		return nil
	}
}

func waits(t *testing.T, who <-chan got, what string) {
	t.Helper()
	synctest.Wait()
	select {
	case g := <-who:
		t.Fatalf("%s does not wait: %+v", what, g)
	default:
	}
}

// has is for a request that has been given its place by now.
func has(t *testing.T, who <-chan got, what string) *fleet.Turn {
	t.Helper()
	synctest.Wait()
	select {
	case g := <-who:
		if g.turn == nil {
			t.Fatalf("%s: %v", what, g.err)
		}
		return g.turn
	default:
		t.Fatalf("%s still waits", what)
		return nil
	}
}

func end(turn *fleet.Turn) {
	turn.End(time.Now(), fleet.Outcome{Verdict: fleet.Fine})
	synctest.Wait()
}

// answer is a request that has its model loaded there from now on.
func answer(turn *fleet.Turn) *fleet.Turn {
	time.Sleep(time.Millisecond)
	turn.Answered(time.Now(), true)
	return turn
}

// warm has a model loaded on a server, in ten seconds, and learns that an answer takes two.
func warm(s *fleet.Server, key string) {
	for _, takes := range []time.Duration{10 * time.Second, 2 * time.Second} {
		turn := s.Take(fleet.Want{Key: key, Counted: true}, time.Now())
		time.Sleep(takes)
		turn.Answered(time.Now(), true)
		turn.End(time.Now(), fleet.Outcome{Verdict: fleet.Fine})
	}
}

func TestNoServerHasMoreThanItsPlaces(t *testing.T) {
	for _, policy := range Names {
		synctest.Test(t, func(t *testing.T) {
			servers := []*fleet.Server{at("a", 1), at("b", 2), at("c", 3)}
			c := newCounter(t, 1000, time.Hour, servers...)
			c.policy = policy
			done := make(chan struct{})
			for i := range 100 {
				go func() {
					defer func() { done <- struct{}{} }()
					turn, err := c.call(fmt.Sprint(i%3)).Next(t.Context(), fleet.HopeAll)
					if err != nil {
						t.Error(err)
						return
					}
					for _, s := range servers {
						if s.InFlight() > s.Parallel() {
							t.Errorf("%s: %d on %s, which has %d places", policy, s.InFlight(), s.ID(), s.Parallel())
						}
					}
					time.Sleep(time.Second)
					turn.Answered(time.Now(), true)
					turn.End(time.Now(), fleet.Outcome{Verdict: fleet.Fine})
				}()
			}
			for range 100 {
				<-done
			}
			for _, s := range servers {
				if s.InFlight() != 0 {
					t.Errorf("%s: %d left on %s", policy, s.InFlight(), s.ID())
				}
			}
			if q := c.Queues(); len(q) != 0 {
				t.Errorf("%s: they wait still: %v", policy, q)
			}
		})
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 10, time.Hour, at("a", 1))
		place := answer(c.now(t, model))
		var who []<-chan got
		for range 4 {
			who = append(who, c.ask(t.Context(), model))
			time.Sleep(time.Millisecond)
		}
		for i := range who {
			for _, later := range who[i:] {
				waits(t, later, "one whose turn it is not")
			}
			end(place)
			place = answer(has(t, who[i], fmt.Sprint("number ", i)))
		}
		end(place)
	})
}

func TestAPlaceGoesToWhoHasWaitedLongestForThatServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		onA, onBoth := newCounter(t, 10, time.Hour, a), &counter{}
		*onBoth = *onA
		onBoth.members = []Member{{Server: a}, {Server: b}}
		onBoth.policy, onA.policy = "least-busy", "least-busy"
		first, second := onBoth.now(t, "x"), onBoth.now(t, "y")
		if first.Server == second.Server {
			t.Fatal("both on one server")
		}
		freed := map[*fleet.Server]*fleet.Turn{first.Server: first, second.Server: second}
		one := onA.ask(t.Context(), "z")
		time.Sleep(time.Second)
		two := onBoth.ask(t.Context(), "x")
		end(freed[b]) // the one who came first has no route there
		waits(t, one, "one without a route to the server")
		if turn := has(t, two, "one with a route there"); turn.Server != b {
			t.Errorf("it is on %s", turn.Server.ID())
		}
		three := onBoth.ask(t.Context(), "x")
		end(freed[a])
		waits(t, three, "who came last")
		has(t, one, "who came first")
	})
}

func TestAQueueThatIsFullSaysWhenToAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 1, time.Minute, at("a", 1))
		place := answer(c.now(t, model))
		one := c.ask(t.Context(), model)
		refused := <-c.ask(t.Context(), model)
		var busy *fleet.Busy
		if !errors.As(refused.err, &busy) || busy.RetryAfter < time.Second || !strings.Contains(busy.Why, "queue.length") {
			t.Errorf("%+v", refused)
		}
		late := <-one
		if !errors.As(late.err, &busy) || busy.RetryAfter < time.Second || late.took != time.Minute || !strings.Contains(busy.Why, "queue.wait") {
			t.Errorf("after %v: %v", late.took, late.err)
		}
		end(place)
		end(c.now(t, model)) // nobody is left in front
	})
}

func TestWhoCannotWaitTakesALoadRatherThanARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		warm(a, model)
		c := newCounter(t, 0, time.Minute, a, b)
		place := c.now(t, model)
		if place.Server != a {
			t.Fatal("not where the model is")
		}
		if other := c.now(t, model); other.Server != b {
			t.Errorf("on %s", other.Server.ID())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		warm(a, model)
		c := newCounter(t, 5, 3*time.Second, a, b)
		c.now(t, model)
		g := <-c.ask(t.Context(), model)
		if g.turn == nil || g.turn.Server != b || g.took != 3*time.Second {
			t.Errorf("after %v: %+v", g.took, g)
		}
	})
}

func TestWhoLeavesLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 10, time.Hour, at("a", 1))
		place := answer(c.now(t, model))
		ctx, leave := context.WithCancel(t.Context())
		one, two := c.ask(ctx, model), c.ask(t.Context(), model)
		leave()
		if g := <-one; !errors.Is(g.err, context.Canceled) {
			t.Errorf("%+v", g)
		}
		if q := c.Queues(); len(q) != 1 || q[0].Length != 1 {
			t.Errorf("the queues: %v", q)
		}
		end(place)
		end(has(t, two, "who came after"))
	})
}

// A place that is given to somebody who leaves at that very moment must not be lost.
func TestAPlaceGivenToWhoLeavesIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at("a", 1)
		c := newCounter(t, 10, time.Hour, s)
		call := c.call(model)
		turn, err := call.Next(t.Context(), fleet.HopeAll)
		if err != nil {
			t.Fatal(err)
		}
		second := c.call(model)
		_, w, err := second.take(fleet.HopeAll)
		if w == nil {
			t.Fatalf("it does not wait: %v", err)
		}
		answer(turn)
		end(turn) // the place is in w.given now
		third := c.ask(t.Context(), model)
		if turn, err := second.giveUp(w, context.Canceled); turn != nil || err == nil {
			t.Errorf("%v, %v", turn, err)
		}
		end(has(t, third, "the next"))
		if s.InFlight() != 0 {
			t.Errorf("%d places are lost", s.InFlight())
		}
	})
}

func TestALongAnswerHoldsUpNoOtherModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 10, time.Hour, at("a", 1), at("b", 1))
		warm(c.members[0].Server, "long")
		long := c.now(t, "long")
		one, two := c.ask(t.Context(), "long"), c.ask(t.Context(), "long")
		time.Sleep(5 * time.Second)
		if other := c.now(t, "other"); other.Server == long.Server {
			t.Error("the other model is where the long answer is")
		} else {
			answer(other)
			third := c.ask(t.Context(), "other")
			end(other)
			end(has(t, third, "the next for the other model"))
		}
		waits(t, one, "the first for the long one")
		waits(t, two, "the second for the long one")
	})
}

func TestTwoRequestsForAColdModelCauseOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 10, time.Hour, at("a", 2), at("b", 2), at("c", 2))
		one, two := c.now(t, model), c.now(t, model)
		if one.Server != two.Server || one.Load != fleet.LoadStart || two.Load != fleet.LoadJoins {
			t.Errorf("%s with load %v, %s with load %v", one.Server.ID(), one.Load, two.Server.ID(), two.Load)
		}
		if other := c.now(t, "other"); other.Server == one.Server {
			t.Error("another model is loaded behind it while two servers have nothing to do")
		}
	})
}

func TestAServerLoadsOneModelAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 10, time.Hour, at("a", 3))
		first := c.now(t, "x")
		second := c.ask(t.Context(), "y")
		waits(t, second, "a second load")
		time.Sleep(10 * time.Second)
		answer(first)
		end(first)
		end(has(t, second, "a second load, when the first is over"))
	})
}

func TestWhoCameLastTakesALoadOnceThatIsWorthIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		warm(a, model)
		c := newCounter(t, 100, time.Hour, a, b)
		other := b.Take(fleet.Want{Key: "other", Counted: true, Free: c.Dispatch}, time.Now())
		c.now(t, model)
		var who []<-chan got
		for range 30 {
			who = append(who, c.ask(t.Context(), model))
		}
		waits(t, who[29], "the last")
		answer(other)
		end(other)
		if turn := has(t, who[29], "the last"); turn.Server != b || turn.Load != fleet.LoadStart {
			t.Errorf("on %s", turn.Server.ID())
		}
		waits(t, who[0], "the first, whose place comes sooner")
		time.Sleep(5 * time.Second)
		for _, w := range who[:29] {
			waits(t, w, "one for whom no place is free")
		}
	})
}

// seen is a server that is really looked at.
func seen(t *testing.T, id string) (s *fleet.Server, stop func()) {
	l := ollamatest.NewPipes()
	o := ollamatest.New(ollamatest.Options{Models: []ollamatest.Model{{Name: "one"}}})
	go func() { _ = o.Serve(l) }()
	c := fleet.Fixed(fleet.Options{ID: id, URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}, Dial: l.Dial})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); fleet.Watch(ctx, []*fleet.Connection{c}) }()
	fleet.FirstLook(ctx, []*fleet.Connection{c}, time.Second)
	return c.Servers()[0], func() { cancel(); <-done; o.Close() }
}

func TestHalfOpenLetsOneThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, stopA := seen(t, "a")
		defer stopA()
		b, stopB := seen(t, "b")
		defer stopB()
		for range 3 {
			a.Take(fleet.Want{Key: model, Counted: true}, time.Now()).End(time.Now(), fleet.Outcome{Verdict: fleet.Failed, Reason: "cut"})
		}
		c := newCounter(t, 10, time.Hour, a, b)
		c.policy = "in-order"
		where := func(n int) (out []string) {
			for range n {
				out = append(out, c.now(t, model).Server.ID())
			}
			return out
		}
		if got := where(3); slices.Contains(got, "a") {
			t.Errorf("while the model fails on a: %v", got)
		}
		time.Sleep(11 * time.Second)
		if got := fmt.Sprint(where(3)); got != "[a b b]" {
			t.Errorf("half-open: %s", got)
		}
	})
}

func TestAQuestionAboutAModelTakesNoPlaceAndWaitsForNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t, 10, time.Hour, at("a", 1))
		c.now(t, "other") // every place is taken, and a load under way
		ask := Ask{Key: model, Model: model, Members: func() []Member { return c.members }, Policy: Named(c.policy)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if turn, err := c.Call(ask).Next(ctx, fleet.HopeAll); turn == nil || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// In real time: a place that is freed while somebody joins the queue is that one's, and not the next review's.
func TestAPlaceThatIsFreedAsSomebodyJoinsIsNotLost(t *testing.T) {
	c := newCounter(t, 1000, 10*time.Second, at("a", 1))
	c.policy = "in-order"
	until := time.Now().Add(2 * time.Second)
	for n := 0; n < 30000 && time.Now().Before(until); n++ {
		first, err := c.call(model).Next(t.Context(), fleet.HopeAll)
		if err != nil {
			t.Fatal(err)
		}
		start, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			<-start
			for range n % 300 {
				runtime.KeepAlive(n)
			}
			first.End(time.Now(), fleet.Outcome{Verdict: fleet.Fine})
		}()
		close(start)
		from := time.Now()
		second, err := c.call(model).Next(t.Context(), fleet.HopeAll)
		<-done
		if took := time.Since(from); err != nil || took > lookAgain/2 {
			t.Fatalf("try %d: after %v: %v", n, took, err)
		}
		second.End(time.Now(), fleet.Outcome{Verdict: fleet.Fine})
	}
}

// BenchmarkDispatch is a look that is over while 256 requests wait, each for a model of its own.
func BenchmarkDispatch(b *testing.B) {
	const waiting, servers = 256, 8
	key := func(i int) string { return fmt.Sprintf("registry.ollama.ai/library/m%d:latest", i) }
	d, now := NewDesk(waiting, time.Hour), time.Now()
	var members []Member
	for i := range servers {
		s := at(fmt.Sprint(i), 1)
		members = append(members, Member{Server: s})
		for k := range waiting {
			s.Take(fleet.Want{Key: key(k), Counted: true}, now).End(now, fleet.Outcome{Verdict: fleet.Fine})
		}
		s.Take(fleet.Want{Key: key(0), Counted: true}, now)
	}
	for i := range waiting {
		c := d.Call(Ask{Key: key(i), Model: "m", Members: func() []Member { return members }, Policy: Named("loaded-first"), Counted: true})
		if _, w, _ := c.take(fleet.HopeAll); w == nil {
			b.Fatal("it does not wait")
		}
	}
	for b.Loop() {
		d.Dispatch()
	}
	d.review.Stop()
}

// Where a place has become free, only those are weighed that may go there.
func TestAPlaceThatIsFreedIsOfferedToWhoMayTakeItOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		c := newCounter(t, 100, time.Hour, a, b)
		weighed := 0
		call := func(key string, s *fleet.Server) *Call {
			policy := func([]Candidate, uint64) { weighed++ }
			return c.Call(Ask{Key: key, Model: key, Members: func() []Member { return []Member{{Server: s}} }, Policy: policy, Counted: true})
		}
		onA, _ := call("x", a).Next(t.Context(), fleet.HopeAll)
		onB, _ := call("y", b).Next(t.Context(), fleet.HopeAll)
		for i := range 50 {
			for _, s := range []*fleet.Server{a, b} {
				if _, w, _ := call(fmt.Sprint(s.ID(), i), s).take(fleet.HopeAll); w == nil {
					t.Fatal("it does not wait")
				}
			}
		}
		weighed = 0
		end(onA) // its place is taken by the first: all others are left alone
		if weighed > 3 {
			t.Errorf("%d were weighed for one place", weighed)
		}
		end(onB)
		c.review.Stop()
	})
}

func TestWhatOtherReplicasHaveOnAServerTakesItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := at("a", 2)
		c := newCounter(t, 10, time.Minute, s)
		s.SetOthers(1)
		own := c.now(t, model)
		late := c.ask(c.ctx, model)
		waits(t, late, "both places are taken")
		if all := c.Explain(c.call(model).ask); all[0].InFlight != 2 || all[0].Others != 1 {
			t.Errorf("%+v", all[0].Candidate)
		}
		s.SetOthers(0)
		c.Dispatch()
		has(t, late, "the other replica's has ended").End(time.Now(), fleet.Outcome{})
		s.SetOthers(2)
		late = c.ask(c.ctx, model)
		end(own) // one place of ours is free, but both are theirs
		waits(t, late, "both places are theirs")
		s.SetOthers(1)
		time.Sleep(lookAgain) // should nobody say so
		has(t, late, "a place is free")
	})
}
