package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
)

// A Variant is one that stands on a server.
type Variant struct {
	Server string // its ID
	Name   string
	Model  string // what it is made of, as people write it
	NumCtx int
	Idle   string // why no rule needs it, "" = one does

	on *fleet.Server
}

// longestLook bounds looking at all servers, names that must be looked up included.
const longestLook = 12 * time.Second

// Variants looks at the servers and lists the variants on them. The error names each server that did
// not answer; the others are listed all the same. It is not for an App that runs.
func (a *App) Variants(ctx context.Context) ([]Variant, error) {
	a.look(ctx)
	var out []Variant
	seen := map[string]bool{} // URLs: two connections may lead to one server
	for _, c := range a.settings().connections {
		for _, s := range c.Servers() {
			if s.State().Up && !seen[s.URL()] {
				out = append(out, a.on(s)...)
			}
			seen[s.URL()] = true
		}
	}
	return out, errors.Join(a.unknown()...)
}

// look looks at each server once.
func (a *App) look(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { fleet.Watch(ctx, a.settings().connections) })
	fleet.FirstLook(ctx, a.settings().connections, longestLook)
	stop()
	wg.Wait()
}

// on lists the variants on a server by name.
func (a *App) on(s *fleet.Server) []Variant {
	var out []Variant
	for _, m := range s.State().Variants {
		_, numCtx, _ := fleet.ParseVariant(m.Name)
		v := Variant{Server: s.ID(), Name: m.Listed.Name, NumCtx: numCtx, on: s}
		v.Model, v.Idle = a.idle(s, m, numCtx)
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Variant) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// idle says what a variant is made of, and why no rule needs it.
func (a *App) idle(s *fleet.Server, variant fleet.Model, numCtx int) (model, why string) {
	base, same := s.State().BaseOf(variant)
	switch {
	case base == nil:
		return fleet.Stem(variant.Name), "its model is gone"
	case !same:
		return base.Name.Short(), "its model has changed"
	}
	why = "the model is not routed there"
	for _, c := range a.settings().connections {
		for _, there := range c.Servers() {
			switch {
			case there.URL() != s.URL() || !a.leads(base, there):
			case a.settings().rules.For(base.Name, there.Connection()).NumCtx.Value == numCtx:
				return base.Name.Short(), ""
			default:
				why = "no rule gives it this size"
			}
		}
	}
	return base.Name.Short(), why
}

// leads says whether a route leads from a model to a server.
func (a *App) leads(model *fleet.Model, to *fleet.Server) bool {
	match, ok := a.settings().table.Lookup(model.Name)
	if !ok || match.Send != "" { // the name is an alias of another model
		return false
	}
	members, _ := match.Members()
	return slices.ContainsFunc(members, func(m balance.Member) bool { return m.Server == to })
}

// Remove has the variant's server delete it. One that is gone already is no error.
func (v Variant) Remove(ctx context.Context) error { return jobs.Remove(ctx, v.on, v.Name) }
