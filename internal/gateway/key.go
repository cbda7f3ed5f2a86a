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
		return func() { done(tokens(x)) }, nil
	}
	x.Limit = string(refused.Limit)
	a := refusal(e.Dialect, http.StatusTooManyRequests, refused.Text)
	a.Header["Retry-After"] = []string{strconv.Itoa(max(1, int(math.Ceil(refused.After.Seconds()))))}
	return nil, &a
}

// tokens are what a request has taken. Where its server has not said so, for it was cut short or streams on /v1 do not
// say it, each piece that came counts as one.
func tokens(x *proxy.Exchange) (n int64) {
	if x.Usage.Said {
		return int64(x.Usage.Prompt) + int64(x.Usage.Answer)
	}
	for _, of := range x.Gaps.Counts {
		n += int64(of)
	}
	return n
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
