package balance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// asking waits for a place for a request that asks for r, which rules make on of.
func (c *counter) asking(ctx context.Context, r ollama.Runner, on func(*fleet.Server) ollama.Runner) <-chan got {
	out := make(chan got, 1)
	call := c.Call(Ask{Key: model, Model: "one", Members: func() []Member { return c.members }, Policy: Named(c.policy), Runner: r, On: on, Counted: true})
	go func() {
		turn, err := call.Next(ctx, fleet.HopeAll)
		out <- got{turn: turn, err: err}
	}()
	synctest.Wait()
	return out
}

// clients ask for a context each of their own.
var clients = []ollama.Runner{narrow, wide, {}, {NumCtx: 2048}, wide, narrow}

func TestClientsWhoseContextARuleOverridesWaitInOneLineInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		c := newCounter(t, 100, time.Hour, a, b)
		rule := func(*fleet.Server) ollama.Runner { return wide }
		warmAs(a, wide)
		warmAs(b, wide)
		busy := []*fleet.Turn{has(t, c.asking(c.ctx, narrow, rule), "the first"), has(t, c.asking(c.ctx, wide, rule), "the second")}
		var all []<-chan got
		for _, r := range clients {
			all = append(all, c.asking(c.ctx, r, rule))
		}
		if len(c.queues) != 1 || len(c.queues[line{model, wide}].waiters) != len(clients) {
			t.Fatalf("they wait in %d lines", len(c.queues))
		}
		for i, who := range all {
			end(busy[i%2])
			busy[i%2] = has(t, who, fmt.Sprintf("number %d", i))
			for j, later := range all[i+1:] {
				waits(t, later, fmt.Sprintf("number %d, behind %d", i+1+j, i))
			}
		}
		end(busy[0])
		end(busy[1])
	})
}

func TestWhereServersDifferInTheirRulesALineIsWhatTheClientAsksFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := at("a", 1), at("b", 1)
		c := newCounter(t, 100, time.Hour, a, b)
		for what, on := range map[string]func(*fleet.Server) ollama.Runner{
			"no rules": nil,
			"a rule on one server": func(s *fleet.Server) ollama.Runner {
				if s == a {
					return wide
				}
				return ollama.Runner{NumCtx: 1024}
			},
		} {
			for _, r := range slices.Compact(slices.Clone(clients)) {
				ask := Ask{Key: model, Members: func() []Member { return c.members }, Runner: r, On: on}
				if got := ask.line(); got != (line{model, r}) {
					t.Errorf("%s: %+v waits in %+v", what, r, got)
				}
			}
		}
	})
}

// BenchmarkPick is a choice among eight servers and the end of it: without rules, with one that agrees with the client,
// with one that overrides it, and where the client asks for something else than what is loaded.
func BenchmarkPick(b *testing.B) {
	everywhere := func(*fleet.Server) ollama.Runner { return wide }
	for _, c := range []struct {
		what string
		on   func(*fleet.Server) ollama.Runner
		asks ollama.Runner
	}{
		{"no rules", nil, wide}, {"with rules", everywhere, wide}, {"with rules that override", everywhere, narrow}, {"no rules, another context", nil, narrow},
	} {
		b.Run(c.what, func(b *testing.B) {
			d, now := NewDesk(7, time.Hour), time.Now()
			var members []Member
			for i := range 8 {
				s := at(fmt.Sprint(i), 0)
				turn := s.Take(fleet.Want{Key: model, Runner: wide, Counted: true}, now)
				turn.Answered(now, true)
				turn.End(now, fleet.Outcome{Verdict: fleet.Fine})
				members = append(members, Member{Server: s})
			}
			ask := Ask{Key: model, Model: "one", Members: func() []Member { return members }, Policy: Named("loaded-first"), Runner: c.asks, On: c.on, Counted: true}
			b.ReportAllocs()
			for b.Loop() {
				d.mu.Lock()
				turn, _ := d.pick(d.Call(ask), fleet.HopeAll, 0, false, now)
				d.mu.Unlock()
				turn.End(now, fleet.Outcome{})
			}
		})
	}
}
