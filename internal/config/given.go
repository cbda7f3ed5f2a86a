package config

import (
	"flag"
	"strings"
)

// FileFlag and FileEnv name the YAML file.
const (
	FileFlag = "config"
	FileEnv  = "GOLLAMAS_CONFIG"
)

// Given is what the command line says, filled while flags are parsed.
type Given struct {
	File string
	said source
}

// Flags adds every setting's flags to fs, under all their names.
func Flags(fs *flag.FlagSet) *Given {
	g := &Given{}
	fs.StringVar(&g.File, FileFlag, "", "")
	for _, s := range Settings {
		for _, name := range append([]string{s.Flag()}, s.Flags...) {
			note := func(v string) error {
				g.said.values = append(g.said.values, said[string]{"--" + name, s.Key, v})
				return nil
			}
			if s.Bool {
				fs.BoolFunc(name, "", note)
			} else {
				fs.Func(name, "", note)
			}
		}
	}
	for _, l := range Lists {
		fs.Func(l.Flag, "", func(v string) error {
			l.add(&g.said, "--"+l.Flag, v)
			return nil
		})
		if l.Plural == "" {
			continue
		}
		fs.Func(l.Plural, "", func(v string) error {
			g.said.addList(l, "--"+l.Plural, v)
			return nil
		})
	}
	return g
}

func (s *source) addList(l List, place, text string) {
	for part := range strings.SplitSeq(text, ",") {
		l.add(s, place, part)
	}
}

// environment reads the variables of every setting. An empty one says nothing:
// a compose file has them where its own variables are not set.
func environment(getenv func(string) string) source {
	var out source
	first := func(names []string, then func(name, value string)) {
		for _, name := range names {
			if v := getenv(name); v != "" {
				then(name, v)
				return
			}
		}
	}
	for _, s := range Settings {
		first(s.Env, func(name, v string) { out.values = append(out.values, said[string]{name, s.Key, v}) })
	}
	for _, l := range Lists {
		first(l.Env, func(name, v string) { out.addList(l, name, v) })
	}
	return out
}
