package cli

import (
	"slices"
	"strings"

	"gollamas/internal/config"
)

// An option is a flag as people are told of it: in the help, in the man page and in completions.
type option struct {
	names []string // without dashes, the one to be shown first
	env   []string // the variables that say the same
	value string   // what it looks like; "" = it needs none
	words []string // the values there are; nil = any
	help  string
	rare  bool // only the long help shows it
}

// options are the flags of all settings, those that stand several times first.
func options() []option {
	var out []option
	for _, l := range config.Lists {
		out = append(out, option{names: []string{l.Flag}, value: l.Value, help: l.Help, rare: l.Rare, env: l.Env})
		if l.Plural != "" {
			last := &out[len(out)-1]
			last.names = append(last.names, l.Plural)
		}
	}
	out = append(out, option{names: []string{config.FileFlag}, value: "FILE", env: []string{config.FileEnv},
		help: "a YAML file with any of these settings"})
	for _, s := range config.Settings {
		out = append(out, option{names: append([]string{s.Flag()}, s.Flags...), env: s.Env, value: s.Value,
			words: s.Words, help: s.Help, rare: s.Rare})
	}
	return out
}

// dashed is a flag as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// spellings are all names of a flag as they are typed.
func (o option) spellings() []string {
	out := slices.Clone(o.names)
	for i, n := range out {
		out[i] = dashed(n)
	}
	return out
}

// shown is the flag with what its value looks like.
func (o option) shown() string { return strings.TrimSpace(dashed(o.names[0]) + " " + o.value) }

// plural is the flag that takes a list of what the option takes one of; "" = none.
func (o option) plural() string {
	for _, l := range config.Lists {
		if l.Flag == o.names[0] {
			return l.Plural
		}
	}
	return ""
}

// says is the help of an option, with its other names.
func (o option) says() string {
	switch others := o.spellings()[1:]; {
	case len(others) == 0:
		return o.help
	case o.plural() != "":
		return o.help + "; or " + others[0] + " A,B"
	default:
		return o.help + "; = " + strings.Join(others, ", ")
	}
}
