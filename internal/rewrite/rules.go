package rewrite

import (
	"fmt"
	"slices"

	"gollamas/internal/ollama"
)

// Rules are what the operator wants of requests. They are built once and never
// change; a nil one wants nothing.
type Rules struct {
	keepAlive ruled[KeepAlive]
	numCtx    ruled[int]
}

// NewRules puts rules in order. Of two for one scope what is enforced counts, of
// two alike the last. The error is for a model that cannot be one.
func NewRules(keepAlive []Scoped[KeepAlive], numCtx []Scoped[int]) (*Rules, error) {
	r := &Rules{}
	for _, s := range keepAlive {
		if err := r.keepAlive.add(s); err != nil {
			return nil, err
		}
	}
	for _, s := range numCtx {
		if err := r.numCtx.add(s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// For is what the rules want of a request for a model on a connection. Of each value the most
// specific scope that says anything decides, be it a default or enforced: model on
// connection, then model, then connection, then everywhere. It costs no memory.
func (r *Rules) For(name ollama.Name, connection string) Wish {
	if r == nil {
		return Wish{}
	}
	var buf [128]byte // a longer name costs an allocation
	folded := name.Fold(buf[:0])
	return Wish{KeepAlive: r.keepAlive.find(folded, connection), NumCtx: r.numCtx.find(folded, connection)}
}

// ForRoute is the same of a model's name or pattern as the operator has written it. Of a pattern it is what holds
// for whatever that matches: what is said of some of its models only is left out.
func (r *Rules) ForRoute(model, connection string) Wish {
	if r == nil {
		return Wish{}
	}
	if name, err := ollama.ParseName(model); err == nil {
		return r.For(name, connection)
	}
	p, err := ollama.ParsePattern(model)
	if err != nil {
		return Wish{}
	}
	text := ollama.Folded(p.String())
	return Wish{KeepAlive: r.keepAlive.find(text, connection), NumCtx: r.numCtx.find(text, connection)}
}

// ruled are the rules for one value.
type ruled[T comparable] struct {
	here       models[T]            // everywhere
	connection map[string]models[T] // on one connection
}

// models are the rules of one connection, or of all.
type models[T comparable] struct {
	any      Rule[T]
	exact    map[string]Rule[T] // by ollama.Folded
	patterns []patterned[T]     // the longer first
}

type patterned[T comparable] struct {
	pattern ollama.Pattern
	rule    Rule[T]
}

func (r *ruled[T]) add(s Scoped[T]) error {
	if s.Connection == "" {
		return r.here.add(s)
	}
	if r.connection == nil {
		r.connection = map[string]models[T]{}
	}
	m := r.connection[s.Connection]
	err := m.add(s)
	r.connection[s.Connection] = m
	return err
}

func (m *models[T]) add(s Scoped[T]) error {
	switch {
	case !s.Rule.Said():
		return nil
	case s.Model == "":
		m.any = m.any.with(s.Rule)
		return nil
	case ollama.IsPattern(s.Model):
		return m.addPattern(s)
	}
	name, err := ollama.ParseName(s.Model)
	if err != nil {
		return fmt.Errorf("%q: %w", s.Model, err)
	}
	if m.exact == nil {
		m.exact = map[string]Rule[T]{}
	}
	key := string(name.Fold(nil))
	m.exact[key] = m.exact[key].with(s.Rule)
	return nil
}

func (m *models[T]) addPattern(s Scoped[T]) error {
	p, err := ollama.ParsePattern(s.Model)
	if err != nil {
		return err
	}
	same := func(have patterned[T]) bool { return have.pattern.String() == p.String() }
	if i := slices.IndexFunc(m.patterns, same); i >= 0 {
		m.patterns[i].rule = m.patterns[i].rule.with(s.Rule)
		return nil
	}
	m.patterns = append(m.patterns, patterned[T]{p, s.Rule})
	slices.SortStableFunc(m.patterns, func(a, b patterned[T]) int { return a.pattern.Longer(b.pattern) })
	return nil
}

func (r *ruled[T]) find(name ollama.Folded, connection string) Rule[T] {
	on := r.connection[connection]
	if rule := on.find(name); rule.Said() {
		return rule
	}
	if rule := r.here.find(name); rule.Said() {
		return rule
	}
	if on.any.Said() {
		return on.any
	}
	return r.here.any
}

// find finds the rule of a model alone: an exact name's, or else the longest pattern's.
func (m *models[T]) find(name ollama.Folded) Rule[T] {
	if rule, ok := m.exact[string(name)]; ok {
		return rule
	}
	for _, p := range m.patterns {
		if p.pattern.Matches(name) {
			return p.rule
		}
	}
	return Rule[T]{}
}
