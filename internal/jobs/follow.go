package jobs

import (
	"context"

	"gollamas/internal/ollama"
)

// Follow tells of changes on several servers as of one, until all are over or ctx ends: statuses name the server, and
// how far a layer is is the sum of all. Of one server's it tells as that server does. Success is told by whoever
// calls, once all is over. tell may be nil.
func Follow(ctx context.Context, all []*Change, tell func(record []byte)) error {
	wake := make(chan struct{}, 1)
	for _, c := range all {
		c.follow(wake)
		defer c.leave(wake)
	}
	m := merge{all: all, seen: make([]int, len(all)), told: map[string]ollama.Progress{}}
	for {
		over := true
		for i, c := range all {
			over = c.over() && over // before its last steps are looked at
			m.tell(i, tell)
		}
		if over {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A merge makes one stream of several.
type merge struct {
	all  []*Change
	seen []int                      // how far each is told
	told map[string]ollama.Progress // layers, by digest, as they were told last
}

// tell tells what is new of one of the changes.
func (m *merge) tell(i int, tell func([]byte)) {
	c := m.all[i]
	var steps []step
	steps, m.seen[i] = c.after(m.seen[i])
	if tell == nil {
		return
	}
	for _, s := range steps {
		switch alone := len(m.all) == 1; {
		case alone && s.Status == ollama.Success && s.Digest == "":
		case alone:
			tell(s.raw)
		case s.Digest != "":
			m.layer(s, tell)
		default:
			tell(ollama.Progress{Status: c.Server.ID() + ": " + s.Status}.JSON())
		}
	}
}

// layer tells how far a layer is on all servers. One that has not spoken of it yet will have to fetch as much: clients
// draw a bar whose length is fixed by the first they hear.
func (m *merge) layer(s step, tell func([]byte)) {
	size := s.Total
	for _, c := range m.all {
		total, _, _ := c.layer(s.Digest)
		size = max(size, total)
	}
	sum := ollama.Progress{Status: s.Status, Digest: s.Digest}
	for _, c := range m.all {
		total, completed, said := c.layer(s.Digest)
		if !said && !c.over() {
			total = size
		}
		sum.Total += total
		sum.Completed += completed
	}
	if m.told[s.Digest] != sum {
		m.told[s.Digest] = sum
		tell(sum.JSON())
	}
}
