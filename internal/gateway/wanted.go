package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/keys"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
	"gollamas/internal/rewrite"
)

// A wanted is what one request wants of its model on each server: how it is to be loaded, and for how long
// it is to stay. The servers' rules differ, so all of it is asked once the server is known.
type wanted struct {
	*Gateway
	endpoint *Endpoint
	matched  matched
	model    rewrite.Model
	send     string        // the model's name where no variant stands for it
	own      ollama.Runner // what the request itself asks for
	odd      bool          // what it asks for is not such as Ollama takes
	via      []string      // each gollamas that it has been through, this one last
	key      *keys.Holder  // whose key it came by
}

// wants reads what a request asks for. Elsewhere than in its own dialect Ollama reads neither options nor keep_alive.
func (g *Gateway) wants(ask Ask, m matched, model rewrite.Model) *wanted {
	e := ask.Endpoint
	w := &wanted{Gateway: g, endpoint: e, matched: m, model: model, via: ask.Via, key: ask.Key, send: cmp.Or(m.Send, model.Asked)}
	if e.Works && w.native() {
		var ok bool
		w.own, ok = model.Object.Runner()
		w.odd = !ok
	}
	return w
}

func (w *wanted) native() bool { return w.endpoint.Dialect == ollama.Native }

// wish is what the rules want on a server.
func (w *wanted) wish(s *fleet.Server) rewrite.Wish {
	if !w.endpoint.Works || w.matched.away {
		return rewrite.Wish{}
	}
	return w.rules.For(w.matched.Model, s.Connection())
}

// runner is what the model is to be loaded with on a server.
func (w *wanted) runner(s *fleet.Server) ollama.Runner {
	wish := w.wish(s)
	if n := wish.NumCtx; n.Said() && !w.native() && w.variants.Refused(s, w.matched.Key, n.Value) {
		return w.own // there is no way to say it
	}
	return wish.Runner(w.own)
}

// keep is the keep_alive that the request says on a server, as fleet.Want has it.
func (w *wanted) keep(s *fleet.Server) time.Duration {
	if !w.native() {
		return 0
	}
	k, said := w.wish(s).KeepAlive, false
	if raw := w.model.Object.Last(ollama.FieldKeepAlive); raw != nil && k.Force != rewrite.Enforced {
		k.Value, said = rewrite.ReadKeepAlive(raw)
	}
	if !said && !k.Said() {
		return 0
	}
	return max(time.Duration(k.Value), 1)
}

// sending is the request as a server gets it. Who may use an alias, and not see what it stands for, does not hear of that in an error either.
func (w *wanted) sending(s *fleet.Server) proxy.Sending {
	as := w.plainly(s)
	if w.masked() && as.Unsay == nil {
		as.Unsay = func(text []byte) []byte { return ollama.Renamed(text, w.matched.Model, w.model.Asked) }
	}
	return as
}

// masked says that who asks may use the model by the alias that it was asked for by, and not see the model itself.
func (w *wanted) masked() bool { return w.matched.Send != "" && !w.key.Sees(w.matched.Model) }

func (w *wanted) plainly(s *fleet.Server) proxy.Sending {
	wish := w.wish(s)
	switch {
	case w.endpoint.Exact:
		name := exactName(s, w.send)
		return proxy.Sending{Model: name, Body: w.model.Body(name, wish.Edits(&w.model.Object)...)}
	case w.endpoint.Path == "/api/show":
		return proxy.Sending{Model: w.send, Body: w.model.Body(w.send), Reword: w.withoutPaths(s)}
	case w.native():
		return proxy.Sending{Model: w.send, Body: w.model.Body(w.send, wish.Edits(&w.model.Object)...)}
	case wish.NumCtx.Said():
		if as, ok := w.variant(s, wish.NumCtx.Value); ok {
			return as
		}
	}
	return proxy.Sending{Model: w.send, Body: w.model.Body(w.send)}
}

// withoutPaths takes the places of a server's files out of what it says of the model.
func (w *wanted) withoutPaths(s *fleet.Server) func([]byte) []byte {
	name := ollama.Normal(w.send)
	if have := s.State().Has(w.matched.Key); have != nil {
		name = have.Listed.Name
	}
	if w.masked() {
		name = w.model.Asked
	}
	hidden := func(of string) bool {
		n, err := ollama.ParseName(of)
		return err == nil && !w.key.Sees(n)
	}
	return func(answer []byte) []byte {
		answer = ollama.WithoutPaths(answer, name, hidden)
		if w.key.Bounded() {
			answer = ollama.WithoutParent(answer)
		}
		return answer
	}
}

// variant is the request under the name of the model's variant that has the context.
func (w *wanted) variant(s *fleet.Server, numCtx int) (proxy.Sending, bool) {
	name := w.variants.Name(s, w.matched.Key, numCtx)
	if name == "" {
		return proxy.Sending{}, false
	}
	return proxy.Sending{
		Model: name,
		Body:  w.model.Body(name),
		Missing: func(ctx context.Context) {
			w.variants.Lost(s, w.matched.Key, numCtx)
			w.variants.Ready(ctx, s, w.matched.Key, numCtx)
		},
		Unsay: func(text []byte) []byte { return w.variants.Unsay(text, name, w.send) },
	}, true
}

// ready has the model loaded where it is not, and its variant made where one is needed. All that
// together may take as long as load_wait says. What Ollama will refuse has nothing loaded: it says so itself.
func (w *wanted) ready() proxy.Ready {
	if w.odd || w.refused() {
		return nil
	}
	var until time.Time
	var tried []*fleet.Server
	return func(ctx context.Context, turn *fleet.Turn) error {
		if w.rules == nil && turn.Load == fleet.LoadNone {
			return nil
		}
		if until.IsZero() {
			until = time.Now().Add(w.loadWait)
		}
		s := turn.Server
		tried = append(tried, s)
		wish := w.wish(s)
		if n := wish.NumCtx; n.Said() && !w.native() && !w.made(ctx, s, n.Value, until) {
			if err := ctx.Err(); err != nil {
				return err
			}
			turn.Asks(ollama.Runner{})
		}
		load := jobs.Load{
			Server: s, Key: w.matched.Key, Name: w.send, Runner: turn.Runner(), Keep: wish.KeepAlive,
			Embeds: w.endpoint.Vectors, Talks: !w.endpoint.Vectors, Own: w.own != (ollama.Runner{}), Spare: turn.Spare, Else: func() bool { return w.elsewhere(tried) }, Via: w.via,
		}
		if turn.Load != fleet.LoadNone {
			return w.loader.Load(ctx, turn, load, max(time.Until(until), 1))
		}
		if !w.native() {
			w.loader.Remind(load)
		}
		return nil
	}
}

// elsewhere says whether a server that has not been tried could have the model now, while it loads on another.
func (w *wanted) elsewhere(tried []*fleet.Server) bool {
	now := time.Now()
	return slices.ContainsFunc(w.matched.now(w.endpoint)(), func(at balance.Member) bool {
		o, facts := at.Server, at.Server.Facts(w.matched.Key)
		state := o.State()
		free := o.Parallel() == 0 || o.Taken() < o.Parallel()
		return !slices.Contains(tried, o) && state.Up && state.Has(w.matched.Key) != nil && facts.Loading.IsZero() && free && facts.Breaker.Lets(now) && o.Breaker().Lets(now)
	})
}

// made makes sure of the model's variant, until then at the latest.
func (w *wanted) made(ctx context.Context, s *fleet.Server, numCtx int, until time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return w.variants.Ready(ctx, s, w.matched.Key, numCtx)
}

// refused says that Ollama will refuse the request before it looks at the model.
func (w *wanted) refused() bool {
	e, o := w.endpoint, &w.model.Object
	if e.check != nil && e.check(o, w.model.Asked) != "" {
		return true
	}
	if raw := o.Last(ollama.FieldKeepAlive); w.native() && raw != nil && !rewrite.Takes(raw) {
		return true
	}
	switch e.Path {
	case "/api/chat", "/v1/chat/completions", "/v1/messages":
		return !o.Is('[', ollama.FieldMessages, ollama.FieldTools)
	case "/api/generate":
		return !o.Is('"', ollama.FieldPrompt)
	}
	return false
}
