package fleet

import "time"

// A Room is what is known of a server's memory: how much of models it has held
// at once, and how much it could not. Bytes; zero = not known. Ollama does not tell it.
type Room struct {
	Held    int64 // so much fits
	Refused int64 // so much does not
}

// A Fit says whether something fits.
type Fit int

// What may be known of it.
const (
	FitUnknown Fit = iota
	FitYes
	FitNo
)

// Fits says whether so many bytes of models fit at once.
func (r Room) Fits(size int64) Fit {
	switch {
	case size <= r.Held:
		return FitYes
	case r.Refused > 0 && size >= r.Refused:
		return FitNo
	}
	return FitUnknown
}

// seen is what is known after a look: what is loaded now fits. What was loaded
// and left before its time, while something else came, did not fit beside it.
func (r Room) seen(before, now []Model, began time.Time) Room {
	held := sum(now)
	came, evicted, spilled := int64(0), false, false
	for _, m := range now {
		if find(before, m) == nil {
			came += m.Size
		}
		spilled = spilled || m.SizeVRAM > 0 && m.SizeVRAM < m.Size // part of it is in the machine's own memory
	}
	for _, m := range before {
		evicted = evicted || find(now, m) == nil && m.ExpiresAt.After(began.Add(clocks))
	}
	if spilled {
		r.Refused = smaller(r.Refused, held)
	} else {
		r.Held = max(r.Held, held)
	}
	if came > 0 && evicted {
		r.Refused = smaller(r.Refused, sum(before)+came)
	}
	if r.Refused > 0 && r.Held >= r.Refused { // the box has changed, or a client unloaded something
		r.Refused = 0
	}
	return r
}

// clocks is how far two machines' clocks are taken to differ.
const clocks = 2 * time.Second

func smaller(a, b int64) int64 {
	if a == 0 || b < a {
		return b
	}
	return a
}

func sum(list []Model) (n int64) {
	for _, m := range list {
		n += m.Size
	}
	return n
}

func find(list []Model, m Model) *Model {
	for i := range list {
		if list[i].Key == m.Key {
			return &list[i]
		}
	}
	return nil
}
