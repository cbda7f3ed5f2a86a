package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gollamas/internal/rewrite"
)

// A ruling is a rule as somebody said it.
type ruling struct {
	rewrite.Scope // as written
	force         rewrite.Force
	value         string
	text          string // all of it, without a password
	own           bool   // a model says it of itself, in the file
}

// addRule returns what reads [SCOPE=]VALUE.
func addRule(setting string, force rewrite.Force) func(*source, string, string) {
	return func(s *source, place, text string) {
		r, err := parseRuling(text, ruleValues[setting])
		if err != nil {
			s.problems.add(place, "%v", err)
			return
		}
		r.force = force
		s.rules = append(s.rules, said[ruling]{place, setting, r})
	}
}

// ruleValues is what the values of rules look like.
var ruleValues = map[string]string{"keep_alive": "DURATION", "num_ctx": "N"}

// parseRuling splits at the last =, for a URL may have one, and the scope at the first @, for no
// model has one.
func parseRuling(text, value string) (ruling, error) {
	text = strings.TrimSpace(text)
	r := ruling{value: text, text: shown(text)}
	i := strings.LastIndexByte(text, '=')
	switch {
	case text == "":
		return r, fmt.Errorf("an empty part: write [SCOPE=]%s", value)
	case i < 0:
		return r, nil
	}
	scope := strings.TrimSpace(text[:i])
	r.value = strings.TrimSpace(text[i+1:])
	switch {
	case scope == "":
		return r, fmt.Errorf("%q has nothing in front of the =: write SCOPE=%s, or %[2]s for everywhere", r.text, value)
	case r.value == "":
		return r, fmt.Errorf("%q has nothing behind the =: write SCOPE=%s", r.text, value)
	}
	var err error
	if r.Scope, err = parseScope(scope); err != nil {
		return r, fmt.Errorf("%q %w: a SCOPE is MODEL, @CONNECTION or MODEL@CONNECTION", r.text, err)
	}
	return r, nil
}

func parseScope(text string) (rewrite.Scope, error) {
	model, connection, at := strings.Cut(text, "@")
	s := rewrite.Scope{Model: strings.TrimSpace(model), Connection: strings.TrimSpace(connection)}
	switch {
	case strings.Contains(model, "://"):
		return s, errors.New("has no @ in front of its URL")
	case at && s.Connection == "":
		return s, errors.New("names no connection behind the @")
	}
	return s, nil
}

// shown is a setting with a scope in it. A scope's connection may be a URL, and that may have a password.
func shown(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	model, rest, at := strings.Cut(text, "@")
	if !at || strings.Contains(model, "://") {
		return redact(text)
	}
	return model + "@" + redact(rest)
}

// parseNumCtx reads a context size. Ollama makes 4 of what is less.
func parseNumCtx(text string) (int, error) {
	const least, most = 4, 1<<31 - 1
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a context size: write a whole number of tokens, at least %d", text, least)
	}
	return n, nil
}

// A placed is a rule that holds together, and where it was said.
type placed[T comparable] struct {
	rewrite.Scoped[T]
	place, text string
}

// composeRules puts together what sources say of one value, the weightiest source first: of what
// they say of one scope it has the word.
func composeRules[T comparable](c *composer, setting string, parse func(string) (T, error), sources ...[]said[ruling]) []rewrite.Scoped[T] {
	var out []rewrite.Scoped[T]
	for _, source := range sources {
		decided := len(out)
		for _, p := range readRules(c, setting, parse, source) {
			same := func(s rewrite.Scoped[T]) bool { return sameScope(s.Scope, p.Scope) }
			if !slices.ContainsFunc(out[:decided], same) {
				out = append(out, p.Scoped)
			}
		}
	}
	return out
}

// readRules reads what one source says of one value. What is said twice is read once.
func readRules[T comparable](c *composer, setting string, parse func(string) (T, error), source []said[ruling]) []placed[T] {
	var out []placed[T]
	for _, s := range source {
		if s.key != setting {
			continue
		}
		scope, ok := c.scope(s.place, s.value)
		value, err := parse(redact(s.value.value)) // what is redacted is wrong anyway
		if err != nil {
			c.problems.add(s.place, "%v", err)
		}
		if !ok || err != nil {
			continue
		}
		p := placed[T]{rewrite.Scoped[T]{Scope: scope, Rule: rewrite.Rule[T]{Value: value, Force: s.value.force}}, s.place, s.value.text}
		same := func(had placed[T]) bool { return had.Rule.Force == p.Rule.Force && sameScope(had.Scope, p.Scope) }
		i := slices.IndexFunc(out, same)
		if i < 0 {
			out = append(out, p)
		} else if had := out[i]; had.Rule != p.Rule {
			c.problems.add(s.place, "%q contradicts %q (%s): say one of them", p.text, had.text, had.place)
		}
	}
	return out
}

func sameScope(a, b rewrite.Scope) bool {
	return a.Connection == b.Connection && (a.Model == b.Model || sameModel(a.Model, b.Model))
}

// rules makes c's rules of what everybody says.
func (c *composer) rules(sources ...[]said[ruling]) {
	c.whole = len(c.problems) == 0
	c.KeepAlive = composeRules(c, "keep_alive", rewrite.ParseKeepAlive, sources...)
	c.NumCtx = composeRules(c, "num_ctx", parseNumCtx, sources...)
}

// scope finds what a rule's scope names. Its connection becomes the one that servers go by.
func (c *composer) scope(place string, r ruling) (rewrite.Scope, bool) {
	s, at := r.Scope, -1
	if s.Connection != "" {
		var ok bool
		if at, ok = c.connection(place, s.Connection); !ok {
			return s, false
		}
		s.Connection = c.Connections[at].name()
	}
	return s, s.Model == "" || c.served(place, s.Model, at, r.own)
}

// connection finds one that there is, by its ID or its URL.
func (c *composer) connection(place, name string) (int, bool) {
	if i := c.named(name); i >= 0 {
		return i, true
	}
	if c.broken[name] {
		return 0, false // told already
	}
	if written, err := parseURL(name); err == nil {
		same := func(have Connection) bool { return sameServer(have, written) }
		if i := slices.IndexFunc(c.Connections, same); i >= 0 {
			return i, true
		}
	}
	c.problems.add(place, "no connection named %q%s", redact(name), Near(name, c.ids()))
	return 0, false
}
