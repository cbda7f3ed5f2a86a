package balance

import (
	"slices"
	"time"

	"gollamas/internal/fleet"
)

// guard puts servers where the model would be loaded again, for the sake of other options, behind
// those of their tier where it would not: that have it as is asked for, or are loading it so, or have room for it.
// Where none of those has a place, the policy's order stands, and rules decide what is asked for.
func guard(all []Candidate) {
	if !slices.ContainsFunc(all, func(c Candidate) bool { return c.reloads() }) ||
		!slices.ContainsFunc(all, func(c Candidate) bool { return c.keeps() }) {
		return
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return rank(a.reloads()) - rank(b.reloads()) })
}

// reloads says that the model is loaded there, and would have to be loaded again.
func (c *Candidate) reloads() bool { return c.Loaded && !c.Suits && !c.Loading }

// keeps says that a request can go there now, and nothing that is loaded has to be loaded again.
func (c *Candidate) keeps() bool {
	return c.Free() && !c.spared(0) && (c.Suits || c.Loading || !c.Loaded && c.Fits == fleet.FitYes && !c.Spills)
}

// avoids is the option for which a model would have been loaded again, had nobody minded: on the server
// that the policy would have chosen, or by the options that the client has asked for. "" = it would not.
func (d *Desk) avoids(c *Call, turn *fleet.Turn, all []Candidate, ahead int, anywhere bool, now time.Time) string {
	if turn.Load == fleet.LoadAgain || d.Unguarded || !c.ask.Counted {
		return ""
	}
	if own := c.ask.Runner; own != turn.Runner() {
		s := turn.Server
		if f, state := s.Facts(c.ask.Key), s.State(); turn.Load == fleet.LoadNone {
			if fault := f.Fault(state, c.ask.Key, own); fault != "" {
				return fault
			}
		}
	}
	if !slices.ContainsFunc(all, func(at Candidate) bool { return at.reloads() }) {
		return ""
	}
	blind := slices.Clone(all)
	slices.SortStableFunc(blind, func(a, b Candidate) int { return a.Rank - b.Rank })
	for i := range blind {
		blind[i].Suits = blind[i].Suits || blind[i].reloads()
		blind[i].After, blind[i].Later = 0, false
	}
	arrange(blind, c.ask.Policy, ahead, d.rounds[c.ask.Key])
	for i := range blind {
		if at := &blind[i]; c.takes(at, anywhere, now) {
			if at.Server == turn.Server {
				return ""
			}
			return at.Fault
		}
	}
	return ""
}
