package admin

import (
	"encoding/json"
	"math"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/route"
)

// Rules are what the operator wants of a model on a connection. nil = nothing is said.
type Rules struct {
	KeepAlive *Rule `json:"keep_alive,omitempty"`
	NumCtx    *Rule `json:"num_ctx,omitempty"`
}

// A Rule is one value, in the one way or the other in which it can be said.
type Rule struct {
	Default any `json:"default,omitempty"`
	Enforce any `json:"enforce,omitempty"`
}

// A Loading is a load that is under way.
type Loading struct {
	Server  string // its ID
	Model   string
	Since   time.Time
	Waiting int // requests
}

// A loadingNow is the same as it is shown.
type loadingNow struct {
	Server  string  `json:"server"`
	Model   string  `json:"model"`
	Seconds float64 `json:"seconds"`
	Waiting int     `json:"waiting"`
}

func (a *admin) loading(now time.Time) []loadingNow {
	var all []Loading
	if a.Loading != nil {
		all = a.Loading()
	}
	return list(all, func(l Loading) loadingNow {
		return loadingNow{l.Server, l.Model, since(l.Since, now), l.Waiting}
	})
}

// A runner is what a model is, or would be, loaded with. What is left out is left to the server and the model.
type runner struct {
	NumCtx  int  `json:"num_ctx,omitempty"`
	Options any  `json:"options,omitempty"` // an object
	NoShift bool `json:"no_shift,omitempty"`
}

func newRunner(r ollama.Runner) runner {
	out := runner{NumCtx: r.NumCtx, NoShift: r.NoShift}
	if r.Rest == "" {
		return out
	}
	if raw := json.RawMessage("{" + r.Rest + "}"); json.Valid(raw) { // a client has written it
		out.Options = raw
	} else {
		out.Options = r.Rest
	}
	return out
}

// A residence is how a model is loaded on a server, as far as requests and loads have taught, and is to be.
type residence struct {
	Runner  *runner `json:"runner,omitempty"`     // what it was last found or put there with
	Kept    string  `json:"keep_alive,omitempty"` // that was last said for it; -1 = for ever
	Loads   int     `json:"loads"`
	Reloads int     `json:"reloads"` // of those, for other options
	Rules   Rules   `json:"rules"`
}

func (a *admin) residence(s *fleet.Server, name ollama.Name, f *fleet.Facts) residence {
	out := residence{Kept: kept(f.Kept), Loads: f.Loads, Reloads: f.Reloads}
	if !f.Answered.IsZero() {
		last := newRunner(f.Last)
		out.Runner = &last
	}
	if a.Rules != nil {
		out.Rules = a.Rules(name, s.Connection())
	}
	return out
}

// kept is a keep_alive as fleet has it, for people.
func kept(d time.Duration) string {
	switch d {
	case 0:
		return ""
	case 1:
		return "0"
	case math.MaxInt64:
		return "-1"
	}
	return d.String()
}

// on is what a request of a runner's would have its model loaded with on a server.
func (a *admin) on(match route.Match, s *fleet.Server, asked ollama.Runner) ollama.Runner {
	if a.Runner == nil {
		return asked
	}
	return a.Runner(match.Model, s.Connection(), asked)
}
