package rewrite

import (
	"strconv"

	"gollamas/internal/ollama"
)

// A Wish is what rules want of one request to one server.
type Wish struct {
	KeepAlive Rule[KeepAlive]
	NumCtx    Rule[int] // tokens of context
}

const numCtx = "num_ctx"

// Edits are the splices that make a native request what is wished for: none where it is that
// already. They go together with the splices of a Model.
func (w Wish) Edits(o *ollama.Object) []ollama.Splice {
	keep, context := w.keepAliveDiffers(o), w.numCtxDiffers(o)
	if !keep && !context {
		return nil
	}
	e := o.Edit()
	if keep {
		e.Set(ollama.FieldKeepAlive, w.KeepAlive.Value.JSON())
	}
	if context {
		e.SetOption(numCtx, strconv.AppendInt(nil, int64(w.NumCtx.Value), 10))
	}
	return e.Splices()
}

func (w Wish) keepAliveDiffers(o *ollama.Object) bool {
	if !w.KeepAlive.Said() {
		return false
	}
	raw := o.Last(ollama.FieldKeepAlive)
	return raw == nil || w.KeepAlive.Force == Enforced && Takes(raw) && !w.KeepAlive.Value.Is(raw)
}

func (w Wish) numCtxDiffers(o *ollama.Object) bool {
	if !w.NumCtx.Said() {
		return false
	}
	raw, ok := o.Option(numCtx)
	return ok && (raw == nil || w.NumCtx.Force == Enforced && !isInt(raw, w.NumCtx.Value))
}

// Runner is what a request that asks for a runner has its model loaded with.
func (w Wish) Runner(asked ollama.Runner) ollama.Runner {
	if n := w.NumCtx; n.Said() && (asked.NumCtx == 0 || n.Force == Enforced) {
		asked.NumCtx = n.Value
	}
	return asked
}

// isInt says whether Ollama takes a number in JSON for n: as a float, and what is behind
// its point is cut off (Options.FromMap in Ollama's api/types.go).
func isInt(raw []byte, n int) bool {
	f, ok := number(raw)
	const exact = 1 << 53
	return ok && f > -exact && f < exact && int(f) == n
}
