package config

import (
	"fmt"
	"strings"

	"gollamas/internal/keys"
	"gollamas/internal/rewrite"
)

// A source is what the file says, or the flags, or the environment.
// Every part carries the place where it was said, for errors.
type source struct {
	values      []said[string] // plain settings; key is the setting's
	connections []said[connection]
	routes      []said[way]    // key is the model
	policies    []said[string] // key is the model, value its balance
	aliases     []said[string] // key is the alias, value the model
	rules       []said[ruling] // key is the setting
	preload     []said[bool]   // key is the model, value whether it says so itself, in the file
	keys        []said[keys.Key]
	problems    problems
	modelsSaid  bool // there are models, be they wrong
}

type said[T any] struct {
	place string
	key   string
	value T
}

type connection struct {
	url    string
	header map[string]string
	tls    TLS

	parallel int
}

// A way is a route whose connection is still to be found.
type way struct {
	to           string // a connection's ID or URL
	weight, tier int
	preload      bool
}

// plainWay is what a name alone says.
func plainWay(to string) way { return way{to: to, weight: 1} }

// problems are everything that is wrong, so that all is told at once.
type problems []error

func (p *problems) add(place, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...)))
}

// pair splits KEY=VALUE and says what is missing.
func pair(text, key, value string) (k, v string, err error) {
	k, v, ok := strings.Cut(text, "=")
	k, v = strings.TrimSpace(k), strings.TrimSpace(v)
	switch {
	case strings.TrimSpace(text) == "":
		return "", "", fmt.Errorf("an empty part: write %s=%s", key, value)
	case !ok:
		return "", "", fmt.Errorf("%q has no =: write %s=%s", redact(text), key, value)
	case k == "":
		return "", "", fmt.Errorf("%q has nothing in front of the =: write %s=%s", redact(text), key, value)
	case v == "":
		return "", "", fmt.Errorf("%q has nothing behind the =: write %s=%s", text, key, value)
	}
	return k, v, nil
}

func (s *source) addConnection(place, text string) {
	id, url, err := pair(text, "ID", "URL")
	if err != nil {
		s.problems.add(place, "%v", err)
		return
	}
	s.connections = append(s.connections, said[connection]{place, id, connection{url: url}})
}

func (s *source) addRoute(place, text string) {
	model, to, err := pair(text, "MODEL", "URL (or CONNECTION)")
	if err != nil {
		s.problems.add(place, "%v", err)
		return
	}
	s.routes = append(s.routes, said[way]{place, model, plainWay(to)})
}

func (s *source) addPreload(place, text string) {
	if text = strings.TrimSpace(text); text == "" {
		s.problems.add(place, "an empty part: write MODEL or %s", preloadAll)
		return
	}
	s.preload = append(s.preload, said[bool]{place: place, key: text})
}

func (s *source) addAlias(place, text string) {
	alias, model, err := pair(text, "ALIAS", "MODEL")
	if err != nil {
		s.problems.add(place, "%v", err)
		return
	}
	s.aliases = append(s.aliases, said[string]{place, alias, model})
}

// A List is a setting that is said several times, or once as a list.
type List struct {
	Flag   string   // said once each
	Plural string   // said as a list; "" = only the variable is one
	Env    []string // said as a list
	Value  string   // what it looks like
	Help   string   // "" = the one before tells of it
	Rare   bool     // only the long help shows it
	add    func(*source, string, string)
}

// Lists are all of them.
var Lists = []List{
	{"proxy", "proxies", []string{"GOLLAMAS_PROXIES", "PROXIES"}, "MODEL=URL",
		"where a model's requests go, once for each server", false, (*source).addRoute},
	{"connection", "connections", []string{"GOLLAMAS_CONNECTIONS", "CONNECTIONS"}, "ID=URL",
		"names a server: the ID then stands for the URL", false, (*source).addConnection},
	{"alias", "aliases", []string{"GOLLAMAS_ALIASES", "ALIASES"}, "ALIAS=MODEL",
		"another name for a model", false, (*source).addAlias},
	{"keep-alive", "", []string{"GOLLAMAS_KEEP_ALIVE"}, "[SCOPE=]TIME",
		"time in memory where a request says none; --enforce-keep-alive = always", false, addRule("keep_alive", rewrite.Default)},
	{"enforce-keep-alive", "", []string{"GOLLAMAS_ENFORCE_KEEP_ALIVE"}, "[SCOPE=]TIME", "", false, addRule("keep_alive", rewrite.Enforced)},
	{"num-ctx", "", []string{"GOLLAMAS_NUM_CTX"}, "[SCOPE=]N",
		"context size where a request says none; --enforce-num-ctx = always", false, addRule("num_ctx", rewrite.Default)},
	{"enforce-num-ctx", "", []string{"GOLLAMAS_ENFORCE_NUM_CTX"}, "[SCOPE=]N", "", false, addRule("num_ctx", rewrite.Enforced)},
	{"preload", "", []string{"GOLLAMAS_PRELOAD"}, "MODEL", "load at start, and when a server comes back; all = every named model", false, (*source).addPreload},
	{"api-key", "", []string{"GOLLAMAS_API_KEYS"}, "NAME=KEY", "once one is set, only who has a key may ask", false, (*source).addKey},
}
