package cli

import "slices"

// A command is one thing that gollamas can be asked to do. The help, the man page, the completions and
// run all read the same table, so that what one of them knows the others know.
type command struct {
	name     string
	also     string // another name, which is not shown; "" = none
	help     string
	rare     bool     // only the long help shows it
	settings bool     // it takes every setting as a flag
	flags    []option // its own
	words    []string // what may stand behind it
	run      func(terminal, []string) error
}

// commands are all of them, the one that is meant where none is named first.
func commands() []command {
	return []command{
		{name: "serve", help: "carry requests (what it does without a command)", settings: true, run: terminal.serve},
		{name: "check", help: "say what would be served, or what is wrong with the settings", settings: true, run: terminal.check},
		{name: "variants", help: "list the models made for num_ctx on /v1", settings: true, run: terminal.variants,
			flags: []option{{names: []string{"prune"}, help: "removes what no rule needs"}}},
		{name: "sync", help: "pull what servers lack of the models routed to them by name", settings: true, run: terminal.sync,
			flags: []option{{names: []string{"dry-run"}, help: "only says it"}}},
		{name: "key", help: "key new NAME makes a key that a client asks with", words: []string{"new"}, run: terminal.key},
		{name: "health", help: "ask the gollamas that these settings describe whether it is well", settings: true, run: terminal.health},
		{name: "demo", help: "try it without any Ollama", run: terminal.demo, flags: []option{
			{names: []string{"exit"}, help: "ends it when it has been shown"},
			{names: []string{"listen"}, value: "ADDR", rare: true, help: "serve on this address (default localhost:11434)"}}},
		{name: "completion", help: "print what makes a shell complete gollamas: bash, zsh, fish, powershell", rare: true, words: shells(), run: terminal.completion},
		{name: "man", help: "print the manual page", rare: true, run: terminal.man},
		{name: "version", also: "v", help: "print the version", run: terminal.version,
			flags: []option{{names: []string{"full"}, help: "for all of it"}}},
		{name: "help", help: "print the flags that most people need; help all for every flag", words: []string{"all"}, run: terminal.help},
	}
}

// find returns the command of that name; nil = there is none.
func find(name string) *command {
	all := commands()
	at := slices.IndexFunc(all, func(c command) bool { return name == c.name || name == c.also && name != "" })
	if at < 0 {
		return nil
	}
	return &all[at]
}

// options are all flags that a command takes.
func (c command) options() []option {
	if !c.settings {
		return c.flags
	}
	return slices.Concat(c.flags, options())
}
