package app

import (
	"strconv"
	"strings"

	"gollamas/internal/config"
	"gollamas/internal/rewrite"
)

// A Line is one route as a person is told of it.
type Line struct {
	Model       string
	Aliases     []string
	Connections []Connection // in the operator's order
	Balance     string       // which of them is asked first
}

// A Connection is one of a route's.
type Connection struct {
	ID       string
	Weight   int // its share among others, at least 1
	Tier     int // a lower one is asked first
	Parallel int // requests at once on each of its servers, 0 = no limit

	KeepAlive, NumCtx Rule // for this model there
}

// A Rule is one value as a person is told of it. The zero Rule says nothing.
type Rule struct {
	Value    string
	Enforced bool // used whatever the request says, rather than where it says nothing
}

func said[T comparable](r rewrite.Rule[T], show func(T) string) Rule {
	if !r.Said() {
		return Rule{}
	}
	return Rule{show(r.Value), r.Force == rewrite.Enforced}
}

// Lines are the routes in the operator's order.
func (a *App) Lines() []Line {
	s := a.settings()
	of := map[string]config.Connection{} // what the operator has said of a connection
	for i, c := range s.connections {
		of[c.ID()] = s.cfg.Connections[i]
	}
	var out []Line
	for _, r := range s.table.All() {
		l := Line{Model: r.Name, Aliases: s.table.AliasesOfRoute(r), Balance: r.Balance}
		for _, to := range r.To() {
			id := to.Connection.ID()
			wish := s.rules.ForRoute(r.Name, id)
			l.Connections = append(l.Connections, Connection{
				ID: id, Weight: max(to.Weight, 1), Tier: to.Tier, Parallel: of[id].Parallel,
				KeepAlive: said(wish.KeepAlive, lasting), NumCtx: said(wish.NumCtx, strconv.Itoa),
			})
		}
		out = append(out, l)
	}
	return out
}

// ids are the connections' alone, for the log.
func (l Line) ids() []string {
	var out []string
	for _, c := range l.Connections {
		out = append(out, c.ID)
	}
	return out
}

// lasting is a keep_alive as an operator writes it: 30m rather than 30m0s.
func lasting(k rewrite.KeepAlive) string {
	if k == 0 {
		return "0"
	}
	text := k.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if short, ok := strings.CutSuffix(text, nothing); ok {
			text = short + nothing[:1]
		}
	}
	return text
}
