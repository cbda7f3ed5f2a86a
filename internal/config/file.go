package config

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"

	"gollamas/internal/rewrite"
)

// readFile reads a YAML file's settings. What is wrong with them is in the
// result, all of it; the error is for a file that cannot be read at all.
func readFile(path string, getenv func(string) string) (source, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names it
	if err != nil {
		return source{}, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var doc any
	if err := yaml.UnmarshalWithOptions(data, &doc, yaml.UseOrderedMap()); err != nil {
		text := yaml.FormatError(err, false, false)
		if strings.Contains(text, "alias") { // what is named may be a secret with a * in front
			text = fmt.Sprintf("[%d] a value that begins with * stands in quotes", lineOf(err))
		}
		return source{}, fmt.Errorf("%s is not YAML:\n%s", path, text)
	}
	r := reader{getenv: getenv}
	if documents(data) > 1 {
		r.said.problems.add(path, "a second document stands behind ---; only one is read")
	}
	r.document(doc)
	return r.said, nil
}

// documents counts those that say something.
func documents(data []byte) (n int) {
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return 0
	}
	for _, d := range file.Docs {
		if d.Body != nil {
			n++
		}
	}
	return n
}

// A reader walks a document and notes what it says, and what it should not have.
type reader struct {
	said   source
	getenv func(string) string
}

func (r *reader) document(doc any) {
	if doc == nil {
		return
	}
	known := []string{"connections", "models", "aliases", "keep_alive", "num_ctx", "stall", "queue", "cold_start", "keys"}
	for _, s := range Settings {
		known = append(known, s.top())
	}
	r.members("", doc, known, func(place, key string, v any) {
		if v == nil && key != "keys" { // a key with nothing behind it, all below it commented out
			return
		}
		switch key {
		case "connections":
			r.members(place, v, nil, r.connection)
		case "models":
			r.said.modelsSaid = true
			r.members(place, v, nil, r.model)
		case "aliases":
			r.members(place, v, nil, r.alias)
		case "keep_alive", "num_ctx":
			r.rule(place, key, ruling{}, v)
		case "keys":
			r.keys(place, v)
		case "stall", "queue", "cold_start", "tls":
			r.members(place, v, below(key), r.value)
		default:
			r.value(place, key, v)
		}
	})
}

// value reads a plain setting. Its key is its place in the file.
func (r *reader) value(place, _ string, v any) {
	if text, ok := r.text(place, v); ok {
		r.said.values = append(r.said.values, said[string]{place, place, text})
	}
}

func (r *reader) connection(place, id string, v any) {
	c := said[connection]{place: place, key: id}
	if _, short := v.(string); short {
		c.value.url, _ = r.text(place, v)
	} else {
		r.members(place, v, []string{"url", "headers", "tls", "parallel", "keep_alive", "num_ctx"}, func(place, key string, v any) {
			switch key {
			case "url":
				c.value.url, _ = r.text(place, v)
			case "headers":
				c.value.header = r.header(place, v)
			case "tls":
				r.tls(place, v, &c.value.tls)
			case "parallel":
				r.number(place, v, &c.value.parallel, 0, many)
			case "keep_alive", "num_ctx":
				r.rule(place, key, ruling{Scope: rewrite.Scope{Connection: id}}, v)
			}
		})
	}
	r.said.connections = append(r.said.connections, c)
}

func (r *reader) header(place string, v any) map[string]string {
	h := map[string]string{}
	if _, ok := v.(yaml.MapSlice); !ok {
		r.said.problems.add(place, "it should be a mapping of names to values") // the value may be a secret
		return h
	}
	r.members(place, v, nil, func(place, name string, v any) {
		if _, plain := v.(string); !plain {
			r.said.problems.add(place, "a header's value stands in quotes")
			return
		}
		text, ok := r.text(place, v)
		switch {
		case !isToken(name):
			r.said.problems.add(place, "%q cannot be the name of a header", name)
		case ownHeaders[http.CanonicalHeaderKey(name)]:
			r.said.problems.add(place, "gollamas itself says %s to a server", http.CanonicalHeaderKey(name))
		case strings.ContainsAny(text, "\r\n\x00"):
			r.said.problems.add(place, "a header's value is one line")
		case ok:
			h[name] = text
		}
	})
	return h
}

// ownHeaders are not an operator's to set.
var ownHeaders = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Accept-Encoding": true,
}

// isToken says whether s may be a header's name: RFC 9110, 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

func (r *reader) tls(place string, v any, t *TLS) {
	r.members(place, v, []string{"ca", "cert", "key", "insecure"}, func(place, key string, v any) {
		if key == "insecure" {
			t.Insecure = r.truth(place, v)
			return
		}
		to := map[string]*string{"ca": &t.CA, "cert": &t.Cert, "key": &t.Key}[key]
		*to, _ = r.text(place, v)
	})
}

func (r *reader) model(place, name string, v any) {
	if _, long := v.(yaml.MapSlice); !long {
		r.routes(place, name, v)
		return
	}
	routed := false
	r.members(place, v, []string{"routes", "aliases", "balance", "preload", "keep_alive", "num_ctx", "on"}, func(place, key string, v any) {
		switch key {
		case "routes":
			routed = true
			r.routes(place, name, v)
		case "aliases":
			r.each(place, v, func(place string, v any) {
				if alias, ok := r.text(place, v); ok {
					r.said.aliases = append(r.said.aliases, said[string]{place, alias, name})
				}
			})
		case "balance":
			if policy, ok := r.text(place, v); ok {
				r.said.policies = append(r.said.policies, said[string]{place, name, policy})
			}
		case "preload":
			if r.truth(place, v) {
				r.said.preload = append(r.said.preload, said[bool]{place, name, true})
			}
		case "keep_alive", "num_ctx":
			r.rule(place, key, ruling{Scope: rewrite.Scope{Model: name}, own: true}, v)
		case "on":
			r.on(place, name, v)
		}
	})
	if !routed {
		r.said.problems.add(place, noRoutes)
	}
}

// on reads a model's rules on one connection or another.
func (r *reader) on(place, model string, v any) {
	r.members(place, v, nil, func(place, id string, v any) {
		r.members(place, v, []string{"keep_alive", "num_ctx"}, func(place, key string, v any) {
			r.rule(place, key, ruling{Scope: rewrite.Scope{Model: model, Connection: id}, own: true}, v)
		})
	})
}

// rule reads a value that is a default, or a mapping that says whether it is that or enforced.
func (r *reader) rule(place, setting string, in ruling, v any) {
	say := func(place string, force rewrite.Force, v any) {
		if text, ok := r.text(place, v); ok {
			in.force, in.value, in.text = force, text, text
			r.said.rules = append(r.said.rules, said[ruling]{place, setting, in})
		}
	}
	switch m := v.(type) {
	case yaml.MapSlice:
		r.members(place, v, []string{"default", "enforce"}, func(place, key string, v any) {
			say(place, map[string]rewrite.Force{"default": rewrite.Default, "enforce": rewrite.Enforced}[key], v)
		})
		if len(m) == 0 {
			r.said.problems.add(place, "it says nothing: write {default: VALUE} or {enforce: VALUE}")
		}
	default:
		say(place, rewrite.Default, v)
	}
}

const noRoutes = "it has no routes: name the connections that have this model"

// routes reads one route or a list of them: a connection's name, or a mapping with it.
func (r *reader) routes(place, model string, v any) {
	one := func(place string, v any) {
		if _, long := v.(yaml.MapSlice); !long {
			if to, ok := r.text(place, v); ok {
				r.said.routes = append(r.said.routes, said[way]{place, model, plainWay(to)})
			}
			return
		}
		r.way(place, model, v)
	}
	before := len(r.said.routes) + len(r.said.problems)
	if _, list := v.([]any); list {
		r.each(place, v, one)
	} else {
		one(place, v)
	}
	if len(r.said.routes)+len(r.said.problems) == before {
		r.said.problems.add(place, noRoutes)
	}
}

// way reads a route that is a mapping.
func (r *reader) way(place, model string, v any) {
	w, named, ok := plainWay(""), false, false
	r.members(place, v, []string{"connection", "weight", "tier", "preload"}, func(place, key string, v any) {
		switch key {
		case "connection":
			named = true
			w.to, ok = r.text(place, v)
		case "weight":
			r.number(place, v, &w.weight, 1, highest)
		case "tier":
			r.number(place, v, &w.tier, 0, highest)
		case "preload":
			if w.preload = r.truth(place, v); w.preload { // a route that is marked wants its model there
				r.said.preload = append(r.said.preload, said[bool]{place, model, true})
			}
		}
	})
	if ok {
		r.said.routes = append(r.said.routes, said[way]{place, model, w})
	} else if !named {
		r.said.problems.add(place, "it names no connection: write {connection: ID}")
	}
}

func (r *reader) alias(place, name string, v any) {
	if model, ok := r.text(place, v); ok {
		r.said.aliases = append(r.said.aliases, said[string]{place, name, model})
	}
}

// members calls do for each member of a mapping; known, unless nil, are the keys there are.
func (r *reader) members(place string, v any, known []string, do func(place, key string, v any)) {
	m, ok := v.(yaml.MapSlice)
	if !ok {
		r.said.problems.add(orTop(place), "%s should be a mapping, with a key on each line", what(v))
		return
	}
	for _, item := range m {
		key := fmt.Sprint(item.Key)
		at := key
		if place != "" {
			at = place + "." + key
		}
		if known != nil && !slices.Contains(known, key) {
			r.said.problems.add(at, "there is no such setting%s", Near(key, known))
			continue
		}
		do(at, key, item.Value)
	}
}

func (r *reader) each(place string, v any, do func(place string, v any)) {
	list, ok := v.([]any)
	if !ok {
		r.said.problems.add(place, "%s should be a list", what(v))
		return
	}
	for i, v := range list {
		do(place+"["+strconv.Itoa(i)+"]", v)
	}
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// text reads a plain value, with ${NAME} taken from the environment.
func (r *reader) text(place string, v any) (string, bool) {
	switch v.(type) {
	case nil, []any, yaml.MapSlice:
		r.said.problems.add(place, "%s should be a plain value", what(v))
		return "", false
	}
	ok := true
	text := variable.ReplaceAllStringFunc(fmt.Sprint(v), func(ref string) string {
		name := ref[2 : len(ref)-1]
		value := r.getenv(name)
		if value == "" {
			ok = false
			r.said.problems.add(place, "the environment has no variable %s", name)
		}
		return value
	})
	return text, ok
}

func (r *reader) truth(place string, v any) bool {
	b, ok := v.(bool)
	if !ok {
		r.said.problems.add(place, "%s should be true or false", what(v))
	}
	return b
}

func (r *reader) number(place string, v any, to *int, least, most int) {
	if text, ok := r.text(place, v); ok {
		if err := setNumber(to, text, least, most); err != nil {
			r.said.problems.add(place, "%v", err)
		}
	}
}

// what names a value and its type for an error.
func what(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing stands here; it"
	case []any:
		return "a list"
	case yaml.MapSlice:
		return "a mapping"
	default:
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
}

func orTop(place string) string {
	if place == "" {
		return "the file"
	}
	return place
}
