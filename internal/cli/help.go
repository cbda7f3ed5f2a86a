package cli

import (
	"errors"
	"fmt"
	"strings"
)

const helpHead = `gollamas: one address for every Ollama server you own.
  gollamas --proxy llama3.2=http://server-01:11434 --proxy qwen3:8b=http://server-02:11434
  gollamas --connection main=http://main-ai:11434      every model of that server

Commands
`

const helpTail = `
A MODEL may have a * in it (qwen*, *). Connections and no proxy at all = every model they have.
A SCOPE is MODEL, @CONNECTION or MODEL@CONNECTION; none = everywhere. The most specific decides.
A URL may be dns+http://NAME:11434: there is a server at each address that the name has.
Every flag is a variable: --proxy is GOLLAMAS_PROXIES. OLLAMA_ORIGINS names web pages that may ask.
Only the file sets stall, queue, cold_start, weights, tiers, and parallel, headers, TLS of a server.
gollamas.example.yaml shows the file. A flag wins over a variable, a variable over the file.
`

// help prints what most people need, on one screen; help all prints every command and every flag.
func (t terminal) help(args []string) error {
	all := len(args) == 1 && args[0] == "all"
	if len(args) > 0 && !all {
		return usageError{errors.New("write it gollamas help, or gollamas help all")}
	}
	_, err := fmt.Fprint(t.out, helpText(all))
	return err
}

func helpText(all bool) string {
	var b strings.Builder
	b.WriteString(helpHead)
	for _, c := range commands() {
		if all || !c.rare {
			fmt.Fprintf(&b, "  %-10s %s\n", c.name, c.says())
		}
	}
	title := "Flags that most people need; gollamas help all shows the rest"
	if all {
		title = "Flags"
	}
	b.WriteString("\n" + title + "\n")
	for _, o := range options() {
		if o.help != "" && (all || !o.rare) {
			fmt.Fprintf(&b, "  %-25s %s\n", o.shown(), o.says())
		}
	}
	b.WriteString(helpTail)
	return b.String()
}

// says is the help of a command, with its own flags.
func (c command) says() string {
	text := c.help
	for _, o := range c.flags {
		if !o.rare {
			text += "; " + o.shown() + " " + o.help
		}
	}
	return text
}
