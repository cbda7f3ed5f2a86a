package cli

import (
	"errors"
	"fmt"
	"strings"
)

const manHead = `.TH GOLLAMAS 1 "" "gollamas" "User Commands"
.SH NAME
gollamas \- one address for every Ollama server you own
.SH SYNOPSIS
.B gollamas
.RI [ COMMAND ]
.RI [ FLAG " ...]"
.SH DESCRIPTION
Gollamas is a reverse proxy in front of several Ollama servers. Each model has a route to one or more of
them, and a request is carried to the one that serves it best.
.SH COMMANDS
`

const manFiles = `.SH SCOPES
A \fIMODEL\fR may have a * in it. With connections and no proxy at all, every model that they have is served.
A \fISCOPE\fR is MODEL, @CONNECTION or MODEL@CONNECTION; without one a value holds everywhere, and the most
specific decides. A \fIURL\fR may be dns+http://NAME:PORT: then there is a server at each address that the name has.
.SH FILES
.TP
.I /etc/gollamas/gollamas.yaml
the settings, where gollamas has been installed as a package of the system. Only the file sets stall, queue,
cold_start, weights, tiers, and parallel, headers and TLS of a server. A flag wins over a variable, and a
variable over the file.
.SH SIGNALS
SIGTERM and SIGINT let running answers finish, within \-\-drain; a second one ends them at once.
.SH EXIT STATUS
0: done. 1: it failed. 2: the command line is wrong.
.SH EXAMPLES
.nf
gollamas \-\-connection main=http://main\-ai:11434
gollamas \-\-proxy llama3.2=http://server\-01:11434 \-\-proxy qwen3:8b=http://server\-02:11434
gollamas check \-\-config gollamas.yaml
.fi
`

// man prints the manual page. Like the help it is made of the tables.
func (t terminal) man(args []string) error {
	if len(args) > 0 {
		return usageError{errors.New("gollamas man takes nothing: it prints the manual page")}
	}
	var b strings.Builder
	b.WriteString(manHead)
	for _, c := range commands() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(c.name), roff(c.help))
		for _, o := range c.flags {
			fmt.Fprintf(&b, ".RS\n.TP\n%s\n%s\n.RE\n", manOption(o), roff(o.help))
		}
	}
	b.WriteString(".SH FLAGS\nEvery flag is a variable of the environment too, named below it.\n")
	for _, o := range options() {
		fmt.Fprintf(&b, ".TP\n%s\n%s\n.br\n%s\n", manOption(o), roff(manHelp(o)), roff(strings.Join(o.env, ", ")))
	}
	b.WriteString(manFiles)
	_, err := fmt.Fprint(t.out, b.String())
	return err
}

// manOption is the line that a flag is looked up by.
func manOption(o option) string {
	var all []string
	for i, name := range o.spellings() {
		value := o.value
		if i > 0 && o.plural() != "" {
			value = "A,B"
		}
		text := `\fB` + roff(name) + `\fR`
		if value != "" {
			text += ` \fI` + roff(value) + `\fR`
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func manHelp(o option) string {
	if o.help != "" {
		return o.help
	}
	return "the same, whatever a request says"
}

// roff is a text as roff takes it literally.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
