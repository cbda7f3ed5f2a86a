package fleet

import (
	"slices"

	"gollamas/internal/ollama"
)

// A due is what loads are for that gollamas has begun or is about to begin, in their order; nil = there are none.
// It never changes; another takes its place.
type due struct{ all []ollama.Runner }

// runners are those of all of them. They are not to be changed.
func (d *due) runners() []ollama.Runner {
	if d == nil {
		return nil
	}
	return d.all
}

func (d *due) with(r ollama.Runner) *due { return &due{append(slices.Clone(d.runners()), r)} }

// without is the same without the first that is for this.
func (d *due) without(r ollama.Runner) *due {
	all := slices.Clone(d.runners())
	if i := slices.Index(all, r); i >= 0 {
		all = slices.Delete(all, i, i+1)
	}
	if len(all) == 0 {
		return nil
	}
	return &due{all}
}
