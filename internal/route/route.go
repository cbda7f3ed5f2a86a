// Package route finds the servers of a model: aliases first, then exact names,
// then patterns.
package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A Model is a name or a pattern with the connections that have been given it, in order.
type Model struct {
	Name    string
	To      []To
	Balance string // which of those is asked first, by a policy's name; "" = the usual one
}

// A To is a connection that has been given a model.
type To struct {
	Connection *fleet.Connection
	Weight     int // its servers' share among others, 0 = 1
	Tier       int // a lower one is asked first
}

// An Alias is another name for a model, or for another alias.
type Alias struct{ Name, Model string }

// An AliasError is an alias that cannot be.
type AliasError struct{ Alias, Why string }

func (e *AliasError) Error() string { return fmt.Sprintf("alias %q %s", e.Alias, e.Why) }

// A Route is a Model as requests find it.
type Route struct {
	Name    string // as the operator wrote it
	Pattern bool   // Name has a * in it
	Key     string // of an exact name
	Short   string // an exact name as people write it
	match   ollama.Pattern
	Balance string // the policy's name
	Policy  balance.Policy
	to      []To
	fixed   []balance.Member // where no connection's servers come and go
}

// A Table is every route. It is built once and never changes.
type Table struct {
	exact    map[string]*Route
	patterns []*Route // longer first: a longer pattern wins over a shorter
	aliases  map[string]target
	all      []*Route // in the operator's order
	running  []*fleet.Connection
	loose    *Route // of what is merely loaded somewhere; nil = such models are not served
}

// A target is what an alias stands for, other aliases seen through.
type target struct {
	said  string // the alias as the operator wrote it
	alias string // as Ollama would list it
	send  string // the model, as the operator wrote it
	model ollama.Name
	key   string // of model
}

// A Match is the route of one request.
type Match struct {
	*Route
	Model ollama.Name // that is asked for, behind any alias
	Key   string      // of its name
	Send  string      // the name to send in the place of the client's, "" = the client's own

	running []*fleet.Connection
}

// New builds a table. A name that Ollama would not take, one that means two
// things, and an alias that leads nowhere or in a circle are errors.
func New(models []Model, aliases []Alias) (*Table, error) {
	t := &Table{exact: map[string]*Route{}, aliases: map[string]target{}}
	for _, m := range models {
		if err := t.add(m); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(t.patterns, func(a, b *Route) int { return a.match.Longer(b.match) })
	return t, t.addAliases(aliases)
}

func (t *Table) add(m Model) error {
	r := &Route{Name: m.Name, to: m.To, Balance: cmp.Or(m.Balance, balance.Names[0])}
	r.Policy = balance.Named(r.Balance)
	r.settle()
	t.all = append(t.all, r)
	var err error
	if r.Pattern = ollama.IsPattern(m.Name); r.Pattern {
		r.match, err = ollama.ParsePattern(m.Name)
		t.patterns = append(t.patterns, r)
		return err
	}
	n, err := CheckName(m.Name)
	if err != nil {
		return err
	}
	r.Short = n.Short()
	if r.Key = n.Key(); t.exact[r.Key] != nil {
		return fmt.Errorf("%q and %q are one model", t.exact[r.Key].Name, m.Name)
	}
	t.exact[r.Key] = r
	return nil
}

func (t *Table) addAliases(all []Alias) error {
	means := map[string]string{}
	var wrong []error
	for _, a := range all {
		n, err := CheckName(a.Name)
		switch had, twice := means[n.Key()]; {
		case err != nil:
			wrong = append(wrong, &AliasError{a.Name, "cannot be: " + err.Error()})
		case twice && had != a.Model:
			wrong = append(wrong, &AliasError{a.Name, fmt.Sprintf("means both %q and %q", had, a.Model)})
		case t.exact[n.Key()] != nil:
			wrong = append(wrong, &AliasError{a.Name, "is also a model"})
		default:
			means[n.Key()] = a.Model
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	for _, a := range all {
		if err := t.resolve(a, means); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// resolve follows an alias to its model.
func (t *Table) resolve(a Alias, means map[string]string) error {
	name, err := CheckName(a.Name)
	if err != nil {
		return err
	}
	at, path := name, a.Name
	send := a.Name
	for seen := map[string]bool{}; !seen[at.Key()]; {
		seen[at.Key()] = true
		next, more := means[at.Key()]
		if !more {
			if _, ok := t.find(at, at.Key()); !ok {
				return &AliasError{a.Name, fmt.Sprintf("stands for %q, which has no route", send)}
			}
			t.aliases[name.Key()] = target{a.Name, name.Full(), send, at, at.Key()}
			return nil
		}
		send, path = next, path+" → "+next
		if at, err = CheckName(next); err != nil {
			return &AliasError{a.Name, "leads to what it cannot: " + err.Error()}
		}
	}
	return &AliasError{a.Name, "leads in a circle: " + path}
}

// CheckName reads a model's name as an operator may write it.
func CheckName(s string) (ollama.Name, error) {
	n, err := ollama.ParseName(s)
	switch {
	case err != nil:
		return n, fmt.Errorf("%q: %w", s, err)
	case n.Cloud:
		return n, fmt.Errorf("%q is a cloud model: gollamas does not send requests to ollama.com", s)
	}
	return n, nil
}

// Lookup finds the route of a name.
func (t *Table) Lookup(n ollama.Name) (Match, bool) {
	key, send := n.Key(), ""
	if a, ok := t.aliases[key]; ok {
		n, key, send = a.model, a.key, a.send
	}
	m := Match{Model: n, Key: key, Send: send, running: t.running}
	if r, ok := t.find(n, key); ok {
		m.Route = r
		return m, true
	}
	if m.Route = t.loose; m.Route == nil || len(m.loaded()) == 0 {
		return Match{}, false
	}
	return m, true
}

func (t *Table) find(n ollama.Name, key string) (*Route, bool) {
	if r := t.exact[key]; r != nil {
		return r, true
	}
	r := t.pattern(n)
	return r, r != nil
}

func (t *Table) pattern(n ollama.Name) *Route {
	if len(t.patterns) == 0 {
		return nil
	}
	var buf [128]byte
	name := n.Fold(buf[:0])
	for _, r := range t.patterns {
		if r.match.Matches(name) {
			return r
		}
	}
	return nil
}

// All is every route, in the operator's order.
func (t *Table) All() []*Route { return t.all }

// AliasesOf lists the aliases of the model with this key, as Ollama would list
// them, in order.
func (t *Table) AliasesOf(key string) []string {
	var out []string
	for _, a := range t.aliases {
		if a.key == key {
			out = append(out, a.alias)
		}
	}
	slices.Sort(out)
	return out
}

// AliasesOfRoute lists the aliases whose requests take a route, as the operator
// wrote their names; of a pattern's, also what they stand for.
func (t *Table) AliasesOfRoute(r *Route) []string {
	var out []string
	for _, a := range t.aliases {
		if to, ok := t.find(a.model, a.key); ok && to == r {
			said := a.said
			if r.Pattern {
				said += " = " + a.send
			}
			out = append(out, said)
		}
	}
	slices.Sort(out)
	return out
}
