package balance

import (
	"slices"
	"time"

	"gollamas/internal/fleet"
)

// guard puts in front of the first server of a tier where the model would be loaded again, for the sake of
// other options, those where it would not: that have it as is asked for, or are loading it so, or have room for it.
// Where none of those has a place, the policy's order stands, and rules decide what is asked for.
func guard(all []Candidate) {
	first := slices.IndexFunc(all, func(c Candidate) bool { return c.reloads() })
	if first < 0 {
		return
	}
	slices.SortStableFunc(all[first:], func(a, b Candidate) int { return rank(b.keeps()) - rank(a.keeps()) })
}

// reloads says that the model is loaded there, and would have to be loaded again.
func (c *Candidate) reloads() bool { return c.Loaded && !c.Suits && !c.Loading }

// keeps says that a request can go there now, and nothing that is loaded has to be loaded again.
func (c *Candidate) keeps() bool {
	return c.Free() && !c.spared(0) && (c.Suits || c.Loading || !c.Loaded && c.Fits == fleet.FitYes && !c.Spills)
}

// avoids is the option for which a model would have been loaded again on the server that the policy would
// have chosen, had nobody minded. "" = it would not.
func (d *Desk) avoids(c *Call, turn *fleet.Turn, all []Candidate, ahead int, anywhere bool, now time.Time) string {
	if turn.Load == fleet.LoadAgain || d.Unguarded || !c.ask.Counted {
		return ""
	}
	if !slices.ContainsFunc(all, func(at Candidate) bool { return at.reloads() }) {
		return ""
	}
	if at := d.blind(c, all, ahead, anywhere, now); at != nil {
		return at.Fault
	}
	return ""
}

// blind is what the policy would have chosen, did it take a model that is loaded for one that is loaded
// as is asked for. It is nil where that is no server.
func (d *Desk) blind(c *Call, all []Candidate, ahead int, anywhere bool, now time.Time) *Candidate {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Candidate) int { return a.Rank - b.Rank })
	for i := range all {
		all[i].Suits = all[i].Suits || all[i].reloads()
		all[i].After, all[i].Later = 0, false
	}
	arrange(all, c.ask.Policy, ahead, d.rounds[c.ask.Key])
	for i := range all {
		if c.takes(&all[i], anywhere, now) {
			return &all[i]
		}
	}
	return nil
}
