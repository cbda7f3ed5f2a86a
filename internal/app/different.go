package app

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

// A Different is one name that stands for different models on the servers of its route.
type Different struct {
	Model  string // as people write it
	Copies []Copy // the newest first, and those of one digest together
}

// A Copy is what one server has under the name.
type Copy struct {
	Server   string // its ID
	URL      string // where it stands
	Digest   string
	Modified time.Time // when the server wrote it down, zero = it does not say
	Age      Age       // of this digest among the others
}

// An Age says how old a digest is beside the others of its name. A digest is as new as its newest copy: so long, at least,
// somebody thought it the right one.
type Age int

const (
	Unclear Age = iota // no server says a time, or two digests have the same
	Newest
	Older
)

// copies are, by the keys of the names, what servers have of models that have a route to them.
type copies map[string]*Different

// note notes what servers have that takes a route: their stubs and variants are no models here, and what stands behind an
// alias is never asked for.
func (c copies) note(t *route.Table, r *route.Route, at []*fleet.Server) {
	for _, s := range at {
		for _, m := range s.State().Installed {
			match, ok := t.Lookup(m.Name)
			if !ok || match.Route != r || match.Send != "" || m.RemoteHost != "" || m.Digest == "" {
				continue
			}
			d := c[m.Key]
			if d == nil {
				d = &Different{Model: m.Name.Short()}
				c[m.Key] = d
			}
			d.Copies = append(d.Copies, Copy{Server: s.ID(), URL: s.URL(), Digest: m.Digest, Modified: m.ModifiedAt})
		}
	}
}

// different lists the names of more than one digest, sorted.
func (c copies) different() (out []Different) {
	for _, d := range c {
		if newest := d.newest(); len(newest) > 1 {
			d.age(newest)
			out = append(out, *d)
		}
	}
	slices.SortFunc(out, func(a, b Different) int { return cmp.Compare(a.Model, b.Model) })
	return out
}

// newest is when each digest was last written down.
func (d *Different) newest() map[string]time.Time {
	out := map[string]time.Time{}
	for _, c := range d.Copies {
		if at, ok := out[c.Digest]; !ok || c.Modified.After(at) {
			out[c.Digest] = c.Modified
		}
	}
	return out
}

// age says how old each copy is, and sorts them.
func (d *Different) age(newest map[string]time.Time) {
	latest := slices.MaxFunc(slices.Collect(maps.Values(newest)), time.Time.Compare)
	digests := 0 // that are as new as any
	for _, at := range newest {
		if at.Equal(latest) {
			digests++
		}
	}
	for i := range d.Copies {
		switch c := &d.Copies[i]; {
		case newest[c.Digest].Before(latest):
			c.Age = Older
		case digests == 1:
			c.Age = Newest
		}
	}
	slices.SortStableFunc(d.Copies, func(a, b Copy) int {
		return cmp.Or(newest[b.Digest].Compare(newest[a.Digest]), cmp.Compare(a.Digest, b.Digest))
	})
}
