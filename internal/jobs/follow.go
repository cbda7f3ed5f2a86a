package jobs

import (
	"context"
	"slices"

	"gollamas/internal/ollama"
)

// Follow tells of changes on several servers as of one, until all are over or ctx ends: statuses name the server, and
// how far a layer is is the sum of all. Where names is false there is one, and it is told of as that server does. Success is
// told by whoever calls, once all is over. tell may be nil.
func Follow(ctx context.Context, all []*Change, names bool, tell func(record []byte)) error {
	wake := make(chan struct{}, 1)
	for _, c := range all {
		c.follow(wake)
		defer c.leave(wake)
	}
	if tell == nil {
		tell = func([]byte) {}
	}
	m := merge{all: all, names: names, seen: make([]int, len(all)), over: make([]bool, len(all)), tell: tell}
	for {
		if m.news() {
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
	all   []*Change
	names bool
	seen  []int             // how far each is told
	over  []bool            // its end is told
	told  []ollama.Progress // layers as they were told last
	tell  func(record []byte)
}

// news tells what is new, and says whether all is over.
func (m *merge) news() (over bool) {
	over = true
	for i, c := range m.all {
		ended := c.over() // before its last steps are looked at
		var steps []step
		steps, m.seen[i] = c.after(m.seen[i])
		for _, s := range steps {
			m.step(c, s)
		}
		if ended && !m.over[i] {
			m.over[i] = true
			m.again()
		}
		over = over && ended
	}
	return over
}

// step tells what one server has said.
func (m *merge) step(c *Change, s step) {
	switch {
	case !m.names && s.Status == ollama.Success && s.Digest == "":
	case !m.names:
		m.tell(s.raw)
	case s.Digest != "":
		m.layer(s.Progress)
	default:
		m.tell(ollama.Progress{Status: c.Server.ID() + ": " + s.Status}.JSON())
	}
}

// again tells of each layer what a server's end has changed: one that is done has all of them, spoken of or not.
func (m *merge) again() {
	for _, was := range m.told {
		m.layer(was)
	}
}

// layer tells how far a layer is on all servers, if that is news.
func (m *merge) layer(of ollama.Progress) {
	sum := m.sum(of)
	i := slices.IndexFunc(m.told, func(was ollama.Progress) bool { return was.Digest == of.Digest })
	switch {
	case i < 0:
		m.told = append(m.told, sum)
	case m.told[i] == sum:
		return
	default:
		m.told[i] = sum
	}
	m.tell(sum.JSON())
}

// sum adds up a layer. Who has not spoken of it lacks all of it, or, once it is done, has it: Ollama says nothing of a
// layer that comes at once. So the total stays what it was when clients first heard it, and drew a bar as long.
func (m *merge) sum(of ollama.Progress) ollama.Progress {
	out := ollama.Progress{Status: of.Status, Digest: of.Digest}
	var size int64
	for _, c := range m.all {
		total, _, _ := c.layer(of.Digest)
		size = max(size, total)
	}
	for _, c := range m.all {
		_, completed, _ := c.layer(of.Digest)
		if c.succeeded() {
			completed = size
		}
		out.Total += size
		out.Completed += completed
	}
	return out
}
