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

// Limits are how many requests may wait for a place, and for how long.
func (d *Desk) Limits() (length int, most time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.length, d.most
}

// Explain lists every server of a model in the order in which a request that came
// now would be sent to them.
func (d *Desk) Explain(ask Ask) []Verdict {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	ahead := 0
	if q := d.queues[ask.line()]; q != nil {
		ahead = len(q.waiters)
	}
	classes, boxes := map[Health][]Candidate{}, boxes{}
	for i, m := range ask.Members() {
		c := d.candidate(m, i, &ask, boxes, now)
		classes[c.Health] = append(classes[c.Health], c)
	}
	stays := (&Call{ask: ask}).stays(now)
	var out []Verdict
	for h := Ready; h <= Down; h++ {
		measured := measured(classes[h]) // a policy may fill in what was not
		arrange(classes[h], ask.Policy, ahead, d.rounds[ask.Key])
		for _, c := range classes[h] {
			out = append(out, Verdict{c, c.why(ask.Key, measured, now)})
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

// measured are the tiers in which a load was seen on any server: what a load takes on the others is taken from there.
func measured(all []Candidate) map[int]bool {
	out := map[int]bool{}
	for i := range all {
		out[all[i].Tier] = out[all[i].Tier] || all[i].Load > 0
	}
	return out
}

// why says in words what put a candidate where it is.
func (c *Candidate) why(key string, measured map[int]bool, now time.Time) string {
	switch c.Health {
	case Unknown:
		return "not looked at yet"
	case Missing:
		return "up, but does not list the model"
	case Down:
		return "down: " + c.Server.State().Err
	case Broken:
		return c.failing(key, now)
	}
	parts := []string{c.memory() + c.load(measured[c.Tier]), c.business()}
	if c.Tier > 0 {
		parts = append(parts, fmt.Sprintf("tier %d", c.Tier))
	}
	if c.Cost > 0 {
		parts = append(parts, "costs about "+about(c.Cost))
	}
	if c.Later {
		parts = append(parts, "not now: it is busy with what it has loaded, or loads another")
	}
	if c.After > 0 {
		parts = append(parts, "only for a request that has waited as long as "+about(c.After))
	}
	return strings.Join(parts, ", ")
}

// failing says what fails there, and when it will be asked again.
func (c *Candidate) failing(key string, now time.Time) string {
	b, what := c.Server.Facts(key).Breaker, "the model fails there"
	if b.Lets(now) {
		b, what = c.Server.Breaker(), "everything fails there"
	}
	until := "a request is there to see whether it works again"
	if left := b.Until.Sub(now); left > 0 {
		until = "for " + left.Round(time.Second).String() + " more it is asked only if nothing else has answered"
	}
	return what + ": " + b.Reason + "; " + until
}

func (c *Candidate) memory() string {
	switch {
	case c.Suits:
		return "loaded"
	case c.Loading && c.Since < time.Second:
		return "loading"
	case c.Loading:
		return "loading for " + c.Since.Round(time.Second).String()
	case c.Loaded:
		return "loaded with another " + called(c.Fault)
	case c.Fits == fleet.FitNo:
		return "not loaded, and does not fit beside what is"
	}
	return "not loaded"
}

// load says what a load costs, where one is needed and the policy reckons with it.
func (c *Candidate) load(measured bool) string {
	if c.Suits || c.Loading || c.Cost == 0 {
		return ""
	}
	times, assumed := "double", ""
	if c.Loaded {
		times = "three times"
	}
	if !measured {
		assumed = ", which is assumed,"
	}
	return fmt.Sprintf(": a load takes about %s%s and counts %s", about(c.Load), assumed, times)
}

// about keeps what a person wants to know of a duration.
func about(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

func (c *Candidate) business() string {
	text := fmt.Sprintf("%d of %d places taken", c.InFlight, c.Places)
	if c.Places == 0 {
		text = fmt.Sprintf("%d in flight", c.InFlight)
	}
	if c.Others > 0 {
		text += fmt.Sprintf(" (%d by other replicas)", c.Others)
	}
	return text
}

// called is an option by the name people have for it.
func called(option string) string {
	if option == "num_ctx" || option == "" {
		return "context"
	}
	return option
}
