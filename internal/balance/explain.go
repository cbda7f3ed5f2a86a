package balance

import (
	"fmt"
	"strings"
	"time"

	"gollamas/internal/fleet"
)

// A Verdict is a candidate in its place, and why it stands there.
type Verdict struct {
	Candidate
	Why string
}

// Explain lists every server of a model in the order in which a request that came
// now would be sent to them.
func (d *Desk) Explain(ask Ask) []Verdict {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	ahead := 0
	if q := d.queues[ask.Key]; q != nil {
		ahead = len(q.waiters)
	}
	classes, boxes := map[Health][]Candidate{}, boxes{}
	for i, m := range ask.Members() {
		c := candidate(m, i, &ask, boxes, now)
		classes[c.Health] = append(classes[c.Health], c)
	}
	stays := (&Call{ask: ask}).stays(now)
	var out []Verdict
	for h := Ready; h <= Down; h++ {
		arrange(classes[h], ask.Policy, ahead, d.rounds[ask.Key])
		for _, c := range classes[h] {
			out = append(out, Verdict{c, c.why(ask.Key, now)})
		}
	}
	if stays != "" { // what embeddings never go to, others still do
		for i := range out {
			if other := digest(out[i].Server, ask.Key); other != "" && other != stays {
				out[i].Why += "; another model under this name (digest " + shortDigest(other) + "), so no embeddings"
			}
		}
	}
	return out
}

func shortDigest(d string) string { return d[:min(len(d), 12)] }

// why says in words what put a candidate where it is.
func (c *Candidate) why(key string, now time.Time) string {
	state := c.Server.State()
	switch c.Health {
	case Unknown:
		return "not looked at yet"
	case Missing:
		return "up, but does not list the model"
	case Down:
		return "down: " + state.Err
	case Broken:
		b, what := c.Server.Facts(key).Breaker, "the model fails there"
		if b.Lets(now) {
			b, what = c.Server.Breaker(), "everything fails there"
		}
		return fmt.Sprintf("%s: %s; asked last for %s more", what, b.Reason, max(b.Until.Sub(now), 0).Round(time.Second))
	}
	parts := []string{c.memory(), c.business()}
	if c.Tier > 0 {
		parts = append(parts, fmt.Sprintf("tier %d", c.Tier))
	}
	if c.Cost > 0 {
		parts = append(parts, "costs about "+c.Cost.Round(100*time.Millisecond).String())
	}
	if c.Later {
		parts = append(parts, "not while it loads another model or works with one that has just come")
	}
	if c.After > 0 {
		parts = append(parts, "only for a request that has waited as long")
	}
	return strings.Join(parts, ", ")
}

func (c *Candidate) memory() string {
	switch {
	case c.Suits:
		return "loaded"
	case c.Loading:
		return "loading for " + c.Since.Round(time.Second).String()
	case c.Loaded:
		return "loaded with another context"
	case c.Fits == fleet.FitNo:
		return "not loaded, and does not fit beside what is"
	}
	return "not loaded"
}

func (c *Candidate) business() string {
	if c.Places == 0 {
		return fmt.Sprintf("%d in flight", c.InFlight)
	}
	return fmt.Sprintf("%d of %d places taken", c.InFlight, c.Places)
}
