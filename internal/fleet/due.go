package fleet

import (
	"slices"

	"gollamas/internal/ollama"
)

// mostDue is of how many loads of one model, each with other options, is remembered what they are for.
const mostDue = 4

// A due is what loads are for that gollamas has begun or is about to begin, in their order. It is
// of a fixed size so that facts can be compared.
type due struct {
	all [mostDue]ollama.Runner
	n   int
}

func (d *due) add(r ollama.Runner) {
	if d.n < mostDue {
		d.all[d.n] = r
		d.n++
	}
}

func (d *due) remove(r ollama.Runner) {
	if i := slices.Index(d.all[:d.n], r); i >= 0 {
		copy(d.all[i:], d.all[i+1:d.n])
		d.n--
		d.all[d.n] = ollama.Runner{}
	}
}
