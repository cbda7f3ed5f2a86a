package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"gollamas/internal/keys"
	"gollamas/internal/ollama"
)

// mostTokens is a greater number than anybody means in a day.
const mostTokens = 1_000_000_000_000

// addKey takes NAME=KEY. What is wrong with it is told without any of it: half of it may be the secret.
func (s *source) addKey(place, text string) {
	name, secret, ok := strings.Cut(text, "=")
	if name, secret = strings.TrimSpace(name), strings.TrimSpace(secret); !ok || name == "" || strings.Trim(secret, "=") == "" {
		s.problems.add(place, "it is not written NAME=KEY")
		return
	}
	k := keys.Key{Name: name}
	if err := k.Read(secret); err != nil {
		s.problems.add(place, "key %q: %v", name, err)
		return
	}
	s.keys = append(s.keys, said[keys.Key]{place, name, k})
}

// readKeys reads a file of keys: the same list as under keys.
func readKeys(path string, getenv func(string) string) (source, error) {
	data, err := os.ReadFile(path) // #nosec G304 -- the operator names it
	if err != nil {
		return source{}, err
	}
	var doc any
	if err := yaml.UnmarshalWithOptions(bytes.TrimPrefix(data, []byte("\ufeff")), &doc, yaml.UseOrderedMap()); err != nil {
		return source{}, fmt.Errorf("%s is not YAML: line %d", path, lineOf(err)) // the line itself may be a secret
	}
	r := reader{getenv: getenv}
	if documents(data) > 1 {
		r.said.problems.add(path, "a second document stands behind ---; only one is read")
	}
	if doc != nil {
		r.keys(path, doc)
	}
	return r.said, nil
}

// lineOf is the line that a YAML error is about, 0 where it says none.
func lineOf(err error) int {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		return at.GetToken().Position.Line
	}
	return 0
}

var keyMembers = []string{"name", "key", "models", "manage", "cloud", "requests_per_minute", "tokens_per_day", "parallel"}

// keys reads a list of them. What stands in its place may be a secret.
func (r *reader) keys(place string, v any) {
	list, ok := v.([]any)
	switch {
	case !ok && v != nil:
		r.said.problems.add(place, "it should be a list of {name: …, key: …}")
	case len(list) == 0:
		r.said.problems.add(place, "it has no key in it: then everybody might ask. To want that, leave it out")
	default:
		r.each(place, v, r.key)
	}
}

// key reads one of the list.
func (r *reader) key(place string, v any) {
	if _, ok := v.(yaml.MapSlice); !ok {
		r.said.problems.add(place, "it should be a mapping: {name: …, key: …}")
		return
	}
	k, before, secret := keys.Key{}, len(r.said.problems), false
	defer func() { r.hush(before) }()
	r.members(place, v, nil, func(at, member string, v any) {
		if !slices.Contains(keyMembers, member) {
			r.said.problems.add(place, "something stands in it that is none of %s%s", strings.Join(keyMembers, ", "), Near(member, keyMembers))
			return
		}
		place := at
		switch member {
		case "name":
			k.Name, _ = r.text(place, v)
		case "key":
			if _, quoted := v.(string); !quoted {
				r.said.problems.add(place, "a key stands in quotes")
			} else if text, ok := r.text(place, v); ok {
				secret = true
				if err := k.Read(text); err != nil {
					r.said.problems.add(place, "%v", err)
				}
			}
		case "models":
			k.Models = r.keyModels(place, v)
		case "manage":
			k.Manage = keys.Say(r.truth(place, v))
		case "cloud":
			k.Cloud = keys.Say(r.truth(place, v))
		case "requests_per_minute":
			r.number(place, v, &k.PerMinute, 0, many)
		case "tokens_per_day":
			r.tokens(place, v, &k.PerDay)
		case "parallel":
			r.number(place, v, &k.Parallel, 0, many)
		}
	})
	if len(r.said.problems) > before {
		return
	}
	switch {
	case k.Name == "":
		r.said.problems.add(place, "it has no name: the log and the metrics say who asked by it")
	case !secret:
		r.said.problems.add(place, "it has no key: write the secret, ${VARIABLE}, or its hash (gollamas key new prints both)")
	default:
		r.said.keys = append(r.said.keys, said[keys.Key]{place, k.Name, k})
	}
}

// hush takes what was quoted out of problems that have come since: it may be a secret in the wrong place.
func (r *reader) hush(since int) {
	for i, err := range r.said.problems[since:] {
		text := err.Error()
		if name := missingVariable.FindStringSubmatch(text); name != nil && !variableName.MatchString(name[1]) {
			text = strings.TrimSuffix(text, name[1]) + "of the name that stands there"
		}
		if !strings.Contains(text, "did you mean") && !strings.Contains(text, ".models[") && !strings.Contains(text, "key \"") {
			text = quotedValue.ReplaceAllString(text, "it")
		}
		r.said.problems[since+i] = errors.New(text)
	}
}

var (
	missingVariable = regexp.MustCompile(`the environment has no variable (.*)$`)
	variableName    = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)
	quotedValue     = regexp.MustCompile(`"[^"]*"`)
)

// keyModels reads the names and patterns that a key may use.
func (r *reader) keyModels(place string, v any) (out []string) {
	before := len(r.said.problems)
	r.each(place, v, func(place string, v any) {
		name, ok := r.text(place, v)
		if !ok {
			return
		}
		var err error
		if ollama.IsPattern(name) {
			_, err = ollama.ParsePattern(name)
			if p, bad := ollama.ParsePattern(name); bad == nil && p.String() == "*" && name != "*" {
				err = keys.ErrEvery
			}
		} else {
			_, err = ollama.ParseName(name)
		}
		if err != nil {
			r.said.problems.add(place, "%q: %v", name, err)
			return
		}
		out = append(out, name)
	})
	if len(out) == 0 && len(r.said.problems) == before {
		r.said.problems.add(place, "it names no model: leave it out for every model")
	}
	return out
}

func (r *reader) tokens(place string, v any, to *int64) {
	text, ok := r.text(place, v)
	if !ok {
		return
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > mostTokens {
		r.said.problems.add(place, "%q is not a whole number from 0 to %d", text, int64(mostTokens))
		return
	}
	*to = n
}

// keyring puts the keys together. A flag's replaces a variable's of the same name, and that one of a file.
func (c *composer) keyring(sources ...[]said[keys.Key]) {
	places := map[string]string{}
	secrets := map[[32]byte]string{}
	for i, source := range sources {
		for _, s := range source {
			if slices.ContainsFunc(sources[:i], func(one []said[keys.Key]) bool { return slices.ContainsFunc(one, sameKey(s)) }) {
				c.bound(s.value)
				continue
			}
			if at := cmp.Or(places[s.key], secrets[s.value.Hash]); at != "" {
				c.problems.add(s.place, "key %q, or one with this very secret, is there already (%s)", s.key, at)
				continue
			}
			if err := KeyName(s.key); err != nil {
				c.problems.add(s.place, "%v", err)
			}
			places[s.key], secrets[s.value.Hash] = s.place, s.place
			c.Keys = append(c.Keys, s.value)
		}
	}
}

// bound gives a key that a flag or a variable has said what a weaker place says of it: they say only the secret.
func (c *composer) bound(weaker keys.Key) {
	i := slices.IndexFunc(c.Keys, func(k keys.Key) bool { return k.Name == weaker.Name })
	if i < 0 {
		return
	}
	weaker.Hash, weaker.Short = c.Keys[i].Hash, c.Keys[i].Short
	c.Keys[i] = weaker
}

// KeyName says what is wrong with a key's name: it stands in logs and is a metric's label.
func KeyName(name string) error {
	if len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return fmt.Errorf("key %q: its name has more than 64 characters, a blank, or something that is not ASCII in it", name)
	}
	return nil
}

// keysFile reads the file of keys that was named, if one was.
func (c *composer) keysFile(getenv func(string) string) []said[keys.Key] {
	if c.KeysFile == "" {
		return nil
	}
	s, err := readKeys(c.KeysFile, getenv)
	if err != nil {
		c.problems.add(cmp.Or(c.valueAt["keys_file"], "keys_file"), "%v", err)
	}
	c.problems = append(c.problems, s.problems...)
	if err == nil && len(s.keys)+len(s.problems) == 0 {
		c.problems.add(cmp.Or(c.valueAt["keys_file"], "keys_file"), "%s has no key in it: then everybody might ask. To want that, leave keys_file out", c.KeysFile)
	}
	return s.keys
}
