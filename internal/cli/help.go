package cli

import (
	"fmt"
	"slices"
	"strings"

	"gollamas/internal/config"
)

const helpHead = `gollamas: one address for every Ollama server you own.
  gollamas --proxy llama3.2=http://server-01:11434 --proxy qwen3:8b=http://server-02:11434
  gollamas --connection main=http://main-ai:11434      every model of that server

Commands
  serve      carry requests (what it does without a command)
  check      say what would be served, or what is wrong with the settings
  variants   list the models made for num_ctx on /v1; --prune removes what no rule needs
  sync       pull what servers lack of the models routed to them by name; --dry-run only says it
  demo       try it without any Ollama; --exit ends it when it has been shown
  version    print the version; --full for all of it

Flags
`

const helpTail = `
A MODEL may have a * in it (qwen*, *). Connections and no proxy at all = every model they have.
A SCOPE is MODEL, @CONNECTION or MODEL@CONNECTION; none = everywhere. The most specific decides.
A URL may be dns+http://NAME:11434: there is a server at each address that the name has.
Every flag is a variable: --proxy is GOLLAMAS_PROXIES. OLLAMA_ORIGINS names web pages that may ask.
Only the file sets stall, queue, cold_start, weights, tiers, and parallel, headers, TLS of a server.
gollamas.example.yaml shows the file. A flag wins over a variable, a variable over the file.
`

func (t terminal) help([]string) error {
	var b strings.Builder
	b.WriteString(helpHead)
	row := func(flag, help string) { fmt.Fprintf(&b, "  %-25s %s\n", flag, help) }
	for _, l := range config.Lists {
		switch {
		case l.Rare:
		case l.Plural != "":
			row("--"+l.Flag+" "+l.Value, l.Help+"; or --"+l.Plural+" A,B")
		case l.Help != "":
			row("--"+l.Flag+" "+l.Value, l.Help)
		}
	}
	row("--"+config.FileFlag+" FILE", "a YAML file with any of these settings")
	for _, s := range config.Settings {
		if s.Rare {
			continue
		}
		row("--"+s.Flag()+" "+s.Value, s.Help+otherNames(s))
	}
	b.WriteString(helpTail)
	_, err := t.out.Write([]byte(b.String()))
	return err
}

// otherNames are the flags that mean the same.
func otherNames(s config.Setting) string {
	if len(s.Flags) == 0 {
		return ""
	}
	names := slices.Clone(s.Flags)
	for i, n := range names {
		names[i] = "--" + n
		if len(n) == 1 {
			names[i] = "-" + n
		}
	}
	return "; = " + strings.Join(names, ", ")
}
