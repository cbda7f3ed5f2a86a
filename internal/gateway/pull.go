package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// pull has a model pulled by every server that has been given it.
func (g *Gateway) pull(ask Ask) Decision {
	model, sub, no := g.about(ask, func(asked string) *Answer {
		a := refusal(ask.Endpoint.Dialect, http.StatusForbidden, "gollamas pulls only models it has a route for, and "+strconv.Quote(asked)+" has none")
		return &a
	})
	if no != nil {
		return Decision{Asked: model.Asked, Answer: no}
	}
	wish := sub.wish(ask, model)
	wish.Open = !g.manages(ask) && !sub.match.Exact()
	return sub.decide(model, func(ctx context.Context, tell Teller) Answer {
		if !sub.named && !sub.match.Exact() { // who lacks it is to be known
			g.fresh(ctx, sub.servers)
		}
		return progress(ctx, each(sub.pulling(), g.changes.Pull, wish), "pulled", tell)
	})
}

// about reads which model a change is about.
func (g *Gateway) about(ask Ask, none func(asked string) *Answer) (rewrite.Model, subject, *Answer) {
	e := ask.Endpoint
	model, err := readModel(e, ask.Body)
	if err == nil {
		err = ollama.Check(ask.Body) // it goes to several, and they are to agree
	}
	if err != nil {
		a := refusal(e.Dialect, http.StatusBadRequest, parseText(e, err))
		return model, subject{}, &a
	}
	if no := odd(e, &model); no != nil {
		return model, subject{}, no
	}
	sub, no := g.subject(ask, model.Asked, none)
	return model, sub, no
}

// odd refuses what every server would refuse, or should.
func odd(e *Endpoint, model *rewrite.Model) *Answer {
	if raw := model.Object.Last(ollama.FieldStream); raw != nil && raw[0] != 't' && raw[0] != 'f' {
		a := refusal(e.Dialect, http.StatusBadRequest, ollama.StreamError(raw).Text(e.Request))
		return &a
	}
	if _, err := ollama.ParseName(model.Asked); err != nil || !e.Manage {
		return nil
	}
	return settled(e, model.Asked)
}

// decide is the decision for a change that reports how far it is.
func (s subject) decide(model rewrite.Model, wait wait) Decision {
	return Decision{Asked: s.asked, Model: s.known(), Wait: wait, Stream: model.Object.Bool(ollama.FieldStream, true)}
}

// known is the model's name where it is known to be one, as known has it.
func (s subject) known() string {
	members, _ := s.match.Members()
	return known(matched{Match: s.match, members: members})
}

// wish is what each server is asked for: what the client wrote, as a stream.
func (s subject) wish(ask Ask, model rewrite.Model, more ...ollama.Splice) jobs.Wish {
	if model.Object.Stands(ollama.FieldStream) {
		edits := model.Object.Edit()
		edits.Set(ollama.FieldStream, []byte("true"))
		more = append(more, edits.Splices()...)
	}
	return jobs.Wish{Key: s.key, Model: s.name, Body: slices.Concat(model.Body(s.name, more...)...), Via: ask.Via}
}

// each begins a change on every server.
func each(servers []*fleet.Server, begin func(jobs.Wish) *jobs.Change, w jobs.Wish) []*jobs.Change {
	var out []*jobs.Change
	for _, s := range servers {
		w.Server = s
		out = append(out, begin(w))
	}
	return out
}

// pulling are the servers that pull the model: all that have been given it by name. By a pattern it is those that lack it;
// where none has it the first, and where none lacks it all, to have it brought up to date.
func (s subject) pulling() []*fleet.Server {
	if s.named || s.match.Exact() {
		return s.servers
	}
	var have, lack []*fleet.Server
	for _, at := range s.servers {
		switch state := at.State(); {
		case state.Has(s.key) != nil:
			have = append(have, at)
		case state.Up:
			lack = append(lack, at)
		}
	}
	switch {
	case len(have) == 0:
		return first(s.servers)
	case len(lack) == 0:
		return awake(have)
	}
	return lack
}
