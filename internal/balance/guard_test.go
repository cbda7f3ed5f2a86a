package balance

import (
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// What models are loaded with here.
var (
	narrow = ollama.Runner{NumCtx: 4096}
	wide   = ollama.Runner{NumCtx: 8192}
	batch  = ollama.Runner{NumCtx: 8192, Rest: `"num_batch":64`}
)

// warmAs has a model loaded on a server with a runner.
func warmAs(s *fleet.Server, r ollama.Runner) {
	turn := s.Take(fleet.Want{Key: model, Runner: r, Counted: true}, time.Now())
	time.Sleep(10 * time.Second)
	turn.Answered(time.Now(), true)
	turn.End(time.Now(), fleet.Outcome{Verdict: fleet.Fine})
}

// wants is the claim of a request for a runner, nil where it has to wait.
func (c *counter) wants(r ollama.Runner, on func(*fleet.Server) ollama.Runner) *fleet.Turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.boxes)
	call := c.Call(Ask{Key: model, Model: "one", Members: func() []Member { return c.members }, Policy: Named(c.policy), Runner: r, On: on, Counted: true})
	turn, _ := c.pick(call, fleet.HopeAll, 0, false, time.Now())
	return turn
}

// guarded runs a test under each policy, with two servers.
func guarded(t *testing.T, parallel int, test func(t *testing.T, c *counter, a, b *fleet.Server)) {
	for _, policy := range Names {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := at("a", 0), at("b", parallel)
				c := newCounter(t, 7, time.Minute, a, b)
				c.policy = policy
				test(t, c, a, b)
			})
		})
	}
}

// claimed checks a claim, and gives it back.
func claimed(t *testing.T, turn *fleet.Turn, s *fleet.Server, load fleet.Load, fault string) {
	t.Helper()
	if turn == nil {
		t.Fatal("it has to wait")
	}
	if turn.Server != s || turn.Load != load || turn.Fault != fault {
		t.Errorf("%s, %q for %q; want %s, %q for %q", turn.Server.ID(), turn.Load, turn.Fault, s.ID(), load, fault)
	}
	end(turn)
}

func TestARequestGoesWhereItsModelNeedNotBeLoadedAgain(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(a, narrow)
		warmAs(b, wide)
		for range 4 {
			claimed(t, c.wants(wide, nil), b, fleet.LoadNone, "")
			claimed(t, c.wants(narrow, nil), a, fleet.LoadNone, "")
		}
	})
}

func TestARequestGoesWhereThereIsRoomRatherThanHaveAModelLoadedAgain(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(a, wide)
		claimed(t, c.wants(batch, nil), b, fleet.LoadStart, "")
	})
}

func TestARequestJoinsALoadRatherThanHaveAModelLoadedAgain(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(a, narrow)
		first := b.Take(fleet.Want{Key: model, Runner: wide, Counted: true}, time.Now())
		claimed(t, c.wants(wide, nil), b, fleet.LoadJoins, "")
		end(first)
	})
}

func TestALoadForOthersIsOfNoUse(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(b, wide)
		first := a.Take(fleet.Want{Key: model, Runner: narrow, Counted: true}, time.Now())
		turn := c.wants(wide, nil)
		if c.policy == "in-order" && turn.Avoids != "num_ctx" {
			t.Errorf("it avoids %q", turn.Avoids)
		}
		claimed(t, turn, b, fleet.LoadNone, "")
		end(first)
	})
}

func TestAModelIsLoadedAgainRatherThanAskedForInAnotherTier(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(a, narrow)
		warmAs(b, wide)
		c.members[1].Tier = 1
		turn := c.wants(wide, nil)
		if turn.Avoids != "" {
			t.Errorf("it avoids %q", turn.Avoids)
		}
		claimed(t, turn, a, fleet.LoadAgain, "num_ctx")
	})
}

func TestWhereNoOtherServerHasAPlaceThePolicysOrderStands(t *testing.T) {
	guarded(t, 1, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(a, narrow)
		warmAs(b, wide)
		busy := b.Take(fleet.Want{Key: model, Runner: wide, Counted: true}, time.Now())
		turn := c.wants(wide, nil)
		if c.policy == "loaded-first" { // it waits, for as long as a load costs
			if turn != nil {
				t.Errorf("%s, %q", turn.Server.ID(), turn.Load)
			}
			end(busy)
			return
		}
		if turn != nil && turn.Avoids != "" {
			t.Errorf("it avoids %q", turn.Avoids)
		}
		claimed(t, turn, a, fleet.LoadAgain, "num_ctx")
		end(busy)
	})
}

func TestWhereEveryServerWouldLoadAgainThePolicysOrderStands(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		warmAs(a, wide)
		warmAs(b, wide)
		turn := c.wants(batch, nil)
		if turn.Avoids != "" {
			t.Errorf("it avoids %q", turn.Avoids)
		}
		claimed(t, turn, a, fleet.LoadAgain, "num_batch")
	})
}

func TestTheGuardPrefersWhatIsLoadedToWhatMustMakeRoom(t *testing.T) {
	again := with(loaded(0), func(c *Candidate) { c.Suits = false })
	tight := with(cold(0), func(c *Candidate) { c.Fits = fleet.FitUnknown })
	spills := with(cold(0), func(c *Candidate) { c.Spills = true })
	full := loaded(2)
	for _, c := range []struct {
		all  []Candidate
		want string
	}{
		{[]Candidate{again, tight, loaded(0)}, "cab"},
		{[]Candidate{tight, again, loaded(0)}, "acb"}, // which the policy would have asked anyhow
		{[]Candidate{again, tight, spills, full}, "abcd"},
		{[]Candidate{again, cold(0), loaded(0), again, loading(0)}, "bcead"},
		{[]Candidate{loaded(0), again, loaded(0)}, "acb"},
		{[]Candidate{again, again}, "ab"},
	} {
		if got := ranked("in-order", 0, c.all...); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestWhatThePolicyWouldHaveChosenIsAvoided(t *testing.T) {
	for policy, want := range map[string][]string{
		"in-order":    {"num_ctx", "num_ctx", "num_ctx", "num_ctx"},
		"round-robin": {"num_ctx", "", "num_ctx", ""}, // its turn
		"least-busy":  {"num_ctx", "num_ctx", "num_ctx", "num_ctx"},
	} {
		synctest.Test(t, func(t *testing.T) {
			a, b := at("a", 0), at("b", 0)
			c := newCounter(t, 7, time.Minute, a, b)
			c.policy = policy
			warmAs(a, narrow)
			warmAs(b, wide)
			for i, avoids := range want {
				turn := c.wants(wide, nil)
				if turn.Server != b || turn.Avoids != avoids {
					t.Errorf("%s, request %d: %s avoids %q, want %q", policy, i, turn.Server.ID(), turn.Avoids, avoids)
				}
				if policy == "least-busy" { // the other one is the less busy, and more so each time
					continue
				}
				end(turn)
			}
		})
	}
}

func TestWhatTheClientWouldHaveHadLoadedAgainIsAvoided(t *testing.T) {
	guarded(t, 0, func(t *testing.T, c *counter, a, b *fleet.Server) {
		rule := func(*fleet.Server) ollama.Runner { return wide }
		c.members = c.members[:1]
		avoids := func(r ollama.Runner, load fleet.Load, want string) *fleet.Turn {
			t.Helper()
			turn := c.wants(r, rule)
			if turn.Load != load || turn.Avoids != want {
				t.Errorf("%+v: %q avoids %q, want %q and %q", r, turn.Load, turn.Avoids, load, want)
			}
			return turn
		}
		first := avoids(narrow, fleet.LoadStart, "") // whatever it had asked for, it would have been loaded
		end(avoids(narrow, fleet.LoadJoins, ""))     // the same again would have changed nothing
		end(answer(first))
		end(avoids(wide, fleet.LoadNone, "num_ctx")) // the one before it had asked for another
		end(avoids(wide, fleet.LoadNone, ""))
		end(avoids(batch, fleet.LoadNone, "num_batch"))
		end(avoids(narrow, fleet.LoadNone, "num_ctx"))
		end(avoids(ollama.Runner{}, fleet.LoadNone, "num_ctx"))
		end(avoids(ollama.Runner{}, fleet.LoadNone, "")) // who leaves it to the server never had anything loaded again
	})
}

func TestWithoutTheGuardAServerIsChosenWhateverItHasLoadedTheModelWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 0), at("b", 0)
		c := newCounter(t, 7, time.Minute, a, b)
		c.policy, c.Unguarded = "in-order", true
		warmAs(a, narrow)
		warmAs(b, wide)
		turn := c.wants(wide, nil)
		if turn.Avoids != "" {
			t.Errorf("it avoids %q", turn.Avoids)
		}
		claimed(t, turn, a, fleet.LoadAgain, "num_ctx")
	})
}
