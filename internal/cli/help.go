package cli

import (
	"fmt"
	"strings"

	"gollamas/internal/config"
)

const helpHead = `gollamas: one address for every Ollama server you own.

  gollamas --proxy llama3.2=http://server-01:11434 --proxy qwen3:8b=http://server-02:11434
  gollamas --connection main=http://main-ai:11434      every model of that server
  gollamas --config gollamas.yaml

Commands
  serve      carry requests (what it does without a command)
  check      say what would be served, or what is wrong with the settings
  demo       try it without any Ollama
  version    print the version; --full for all of it

Flags, with their environment variables
`

const helpTail = `
A MODEL may have a * in it (qwen*, *). All settings can be in a YAML file:
gollamas.example.yaml has every one. A flag wins over a variable, a variable over the file.
`

func (t terminal) help([]string) error {
	var rows [][3]string
	for _, l := range config.Lists {
		rows = append(rows, [3]string{"--" + l.Flag + " " + l.Value, l.Help, ""})
		rows = append(rows, [3]string{"--" + l.Plural + " A,B", "the same, as a list", l.Env[0]})
	}
	rows = append(rows, [3]string{"--" + config.FileFlag + " FILE", "a YAML file with any of these settings", config.FileEnv})
	for _, s := range config.Settings {
		rows = append(rows, [3]string{flagNames(s), s.Help, s.Env[0]})
	}
	var b strings.Builder
	b.WriteString(helpHead)
	for _, r := range rows {
		fmt.Fprintf(&b, "  %-24s %s%s\n", r[0], r[1], variable(r[2]))
	}
	b.WriteString(helpTail)
	_, err := t.out.Write([]byte(b.String()))
	return err
}

func variable(name string) string {
	if name == "" {
		return ""
	}
	return "  [" + name + "]"
}
