// Package balance orders the servers a model may be asked of; failover is
// walking the list.
package balance

import (
	"gollamas/internal/fleet"
)

// InOrder keeps the order they were named in, but asks those first that are up and
// have the model with this key, and those last that do not answer. It drops
// none: what the last look saw may be out of date.
func InOrder(servers []*fleet.Server, key string) []*fleet.Server {
	if len(servers) < 2 {
		return servers
	}
	out := make([]*fleet.Server, 0, len(servers))
	for want := range chances {
		for _, s := range servers {
			if chance(s, key) == want {
				out = append(out, s)
			}
		}
	}
	return out
}

// chances is how many answers chance has.
const chances = 4

// chance sorts servers by what is known of them: up with the model, never
// seen, up without it, down.
func chance(s *fleet.Server, key string) int {
	state := s.State()
	switch {
	case state.Up && state.Has(key) != nil:
		return 0
	case !state.Known && state.Err == "":
		return 1
	case state.Up:
		return 2
	}
	return 3
}
