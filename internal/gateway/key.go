package gateway

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"

	"gollamas/internal/keys"
	"gollamas/internal/ollama"
	"gollamas/internal/proxy"
	"gollamas/internal/route"
)

// unknownKey is what is said to who has no key, or a wrong one: the same to both.
const unknownKey = "unauthorized: this gollamas needs a key, in the field Authorization (Bearer KEY) or x-api-key"

// admit says by whose key a request comes, where keys are needed. Neither field goes on to a server: proxy/fields.go.
func (g *Gateway) admit(h http.Header, e *Endpoint) (*keys.Holder, *Answer) {
	if g.keys == nil || e.Open {
		return nil, nil
	}
	if holder := g.keys.Find(secrets(h)...); holder != nil {
		return holder, nil
	}
	a := refusal(e.Dialect, http.StatusUnauthorized, unknownKey)
	a.Header["Www-Authenticate"] = []string{"Bearer"}
	return nil, &a
}

// secrets are what a request shows to be let in. OpenAI's clients and ollama's send the one field, Anthropic's either.
func secrets(h http.Header) []string {
	var out []string
	if all := h["Authorization"]; len(all) == 1 {
		scheme, secret, _ := strings.Cut(all[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			out = append(out, strings.TrimSpace(secret))
		}
	}
	if all := h["X-Api-Key"]; len(all) == 1 {
		out = append(out, all[0])
	}
	return out
}

// take counts a request against its key, until end is called. Lists, and what else is answered from memory, are not counted.
func (g *Gateway) take(ctx context.Context, by *keys.Holder, e *Endpoint, x *proxy.Exchange) (end func(), no *Answer) {
	if by == nil || e.Kind != Forward && e.Kind != Change {
		return func() {}, nil
	}
	done, refused := by.Take(ctx, x.Start)
	if refused == nil {
		return func() { done(g.tokens(x)) }, nil
	}
	x.Limit = string(refused.Limit)
	a := refusal(e.Dialect, http.StatusTooManyRequests, refused.Text)
	a.Header["Retry-After"] = []string{strconv.Itoa(max(1, int(math.Ceil(refused.After.Seconds()))))}
	return nil, &a
}

// tokens are what a request has taken. Where its server has not said so, for it was cut short or streams and sounds on /v1 do
// not say it, they are reckoned: each piece that came is one, else four bytes of the answer are, and so are four of
// the request, up to what the model can read at once.
func (g *Gateway) tokens(x *proxy.Exchange) (n int64) {
	if x.Usage.Said {
		return int64(x.Usage.Prompt) + int64(x.Usage.Answer)
	}
	if !x.Works || x.Server == "" || x.Status >= http.StatusBadRequest {
		return 0
	}
	for _, of := range x.Gaps.Counts {
		n += int64(of)
	}
	if !x.Streamed && !vectors(x.Endpoint) {
		n += x.BytesOut / bytesAToken
	}
	return n + min(x.BytesIn/bytesAToken, g.readable(x))
}

// bytesAToken is about how many bytes of English are one token.
const bytesAToken = 4

// usualContext is what Ollama loads a model with on a small card where nobody says (wire.md).
const usualContext = 4096

// readable is how many tokens the model can read at once, as it is loaded there.
func (g *Gateway) readable(x *proxy.Exchange) int64 {
	for _, s := range g.table.Servers() {
		if s.ID() != x.Server {
			continue
		}
		for _, m := range s.State().Loaded {
			if m.Name.Short() == x.Model && m.NumCtx > 0 {
				return int64(m.NumCtx)
			}
		}
	}
	return usualContext
}

// vectors says that an endpoint answers with numbers, which are no tokens.
func vectors(path string) bool {
	return path == "/api/embed" || path == "/api/embeddings" || path == "/v1/embeddings"
}

// sees says whether who asks may use a model by the name that it was asked for by: an alias is as good as the model itself,
// but who may use an alias need not see what it stands for.
func (a Ask) sees(name ollama.Name, match route.Match) bool {
	return a.Key.Sees(name) || match.Send != "" && a.Key.Sees(match.Model)
}

// leaves says whether a request may leave for ollama.com, or where a stub leads.
func (g *Gateway) leaves(ask Ask) bool { return ask.Key.Leaves(g.allowCloud) }

// manages says whether who asks may change servers.
func (g *Gateway) manages(ask Ask) bool { return ask.Key.Manages(g.manage) }
