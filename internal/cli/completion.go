package cli

import (
	"fmt"
	"slices"
	"strings"
)

// shells are those that completion knows.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

// completion prints a script that makes a shell complete gollamas. It is generated from the tables of
// commands and settings, so it knows exactly what this build knows.
func (t terminal) completion(args []string) error {
	if len(args) != 1 || !slices.Contains(shells(), args[0]) {
		return usageError{fmt.Errorf("write it gollamas completion %s", strings.Join(shells(), "|"))}
	}
	script := map[string]func() string{"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}[args[0]]
	_, err := fmt.Fprint(t.out, script())
	return err
}

// everyOption is each flag of any command, once.
func everyOption() []option {
	out := options()
	for _, c := range commands() {
		for _, o := range c.flags {
			if !slices.ContainsFunc(out, func(have option) bool { return have.names[0] == o.names[0] }) {
				out = append(out, o)
			}
		}
	}
	return out
}

// names are those of all commands.
func names() []string {
	var out []string
	for _, c := range commands() {
		out = append(out, c.name)
	}
	return out
}

// typed are all flags that a command takes, as they are typed.
func (c command) typed() []string {
	var out []string
	for _, o := range c.options() {
		out = append(out, o.spellings()...)
	}
	return append(out, "--help")
}

// brief is a text for a shell that quotes with ', shortened to what stands before the first ";".
func brief(text string) string {
	first, _, _ := strings.Cut(text, ";")
	return strings.ReplaceAll(first, "'", "’")
}

const bashHead = `# bash completion for gollamas: source <(gollamas completion bash)
_gollamas() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=serve
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]]; then
    command=${COMP_WORDS[1]}
  fi
  COMPREPLY=()
  case $prev in
`

func bash() string {
	var b strings.Builder
	b.WriteString(bashHead)
	for _, o := range everyOption() {
		if o.value != "" {
			fmt.Fprintf(&b, "    %s) %s return ;;\n", strings.Join(o.spellings(), "|"), bashValue(o))
		}
	}
	b.WriteString("  esac\n  if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then\n")
	fmt.Fprintf(&b, "    COMPREPLY=($(compgen -W %q -- \"$cur\"))\n    return\n  fi\n  case $command in\n", strings.Join(names(), " "))
	for _, c := range commands() {
		fmt.Fprintf(&b, "    %s) COMPREPLY=($(compgen -W %q -- \"$cur\")) ;;\n", c.name, strings.Join(slices.Concat(c.words, c.typed()), " "))
	}
	b.WriteString("  esac\n}\ncomplete -F _gollamas gollamas\n")
	return b.String()
}

func bashValue(o option) string {
	switch {
	case o.words != nil:
		return fmt.Sprintf("COMPREPLY=($(compgen -W %q -- \"$cur\"));", strings.Join(o.words, " "))
	case o.value == "FILE":
		return `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"));`
	}
	return ""
}

func zsh() string {
	var b strings.Builder
	b.WriteString("#compdef gollamas\n# zsh completion for gollamas: source <(gollamas completion zsh)\n_gollamas() {\n  local -a commands=(\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "    '%s:%s'\n", c.name, brief(c.help))
	}
	b.WriteString("  )\n  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n    _describe command commands\n    return\n  fi\n")
	b.WriteString("  local command=serve\n  if [[ $words[2] != -* ]]; then\n    command=$words[2]\n    shift words\n    ((CURRENT--))\n  fi\n  case $command in\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "    %s)\n      _arguments -s", c.name)
		for _, o := range c.options() {
			for _, name := range o.spellings() {
				fmt.Fprintf(&b, " \\\n        '*%s'", zshOption(name, o))
			}
		}
		b.WriteString(" \\\n        '--help[print the help]'")
		if c.words != nil {
			fmt.Fprintf(&b, " \\\n        '1:what:(%s)'", strings.Join(c.words, " "))
		}
		b.WriteString("\n      ;;\n")
	}
	b.WriteString("  esac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n  _gollamas \"$@\"\nelse\n  compdef _gollamas gollamas\nfi\n")
	return b.String()
}

// zshOption is a flag as _arguments wants it: --name=[help]:value:action.
func zshOption(name string, o option) string {
	says := strings.NewReplacer("[", "(", "]", ")", ":", " ").Replace(brief(o.help))
	value := strings.NewReplacer("[", "", "]", "").Replace(o.value)
	action := ""
	switch {
	case o.value == "":
		return fmt.Sprintf("%s[%s]", name, says)
	case o.words != nil:
		action = "(" + strings.Join(o.words, " ") + ")"
	case o.value == "FILE":
		action = "_files"
	}
	if len(o.names[0]) > 1 && strings.HasPrefix(name, "--") {
		name += "="
	}
	return fmt.Sprintf("%s[%s]:%s:%s", name, says, value, action)
}

func fish() string {
	var b strings.Builder
	b.WriteString("# fish completion for gollamas: gollamas completion fish | source\ncomplete -c gollamas -f\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "complete -c gollamas -n __fish_use_subcommand -a %s -d '%s'\n", c.name, brief(c.help))
		for _, w := range c.words {
			fmt.Fprintf(&b, "complete -c gollamas -n '__fish_seen_subcommand_from %s' -a %s\n", c.name, w)
		}
		for _, o := range c.flags {
			b.WriteString(fishOption("__fish_seen_subcommand_from "+c.name, o))
		}
	}
	others := ""
	for _, c := range commands() {
		if !c.settings {
			others += " " + c.name
		}
	}
	for _, o := range options() {
		b.WriteString(fishOption("not __fish_seen_subcommand_from"+others, o))
	}
	return b.String()
}

func fishOption(where string, o option) string {
	var b strings.Builder
	for _, name := range o.names {
		kind := "-l"
		if len(name) == 1 {
			kind = "-s"
		}
		fmt.Fprintf(&b, "complete -c gollamas -n '%s' %s %s -d '%s'%s\n", where, kind, name, brief(o.help), fishValue(o))
	}
	return b.String()
}

func fishValue(o option) string {
	switch {
	case o.value == "":
		return ""
	case o.words != nil:
		return " -x -a '" + strings.Join(o.words, " ") + "'"
	case o.value == "FILE":
		return " -r -F"
	}
	return " -x"
}

const powershellTail = `  $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  $command = 'serve'
  if ($typed.Count -gt 0 -and -not $typed[0].StartsWith('-') -and $flags.ContainsKey($typed[0])) { $command = $typed[0] }
  $before = $typed | Where-Object { $_ -ne $wordToComplete } | Select-Object -Last 1
  $all = @($flags[$command])
  if ($before -and $values.ContainsKey($before)) { $all = @($values[$before]) }
  elseif ($typed.Count -le 1 -and -not $wordToComplete.StartsWith('-') -and $command -eq 'serve') { $all = @($flags.Keys | Sort-Object) }
  $all | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`

func powershell() string {
	var b strings.Builder
	b.WriteString("# PowerShell completion for gollamas: gollamas completion powershell | Out-String | Invoke-Expression\n")
	b.WriteString("Register-ArgumentCompleter -Native -CommandName gollamas -ScriptBlock {\n  param($wordToComplete, $commandAst, $cursorPosition)\n  $flags = @{\n")
	list := func(words []string) string { return "@('" + strings.Join(words, "', '") + "')" }
	for _, c := range commands() {
		fmt.Fprintf(&b, "    '%s' = %s\n", c.name, list(slices.Concat(c.words, c.typed())))
	}
	b.WriteString("  }\n  $values = @{\n")
	for _, o := range everyOption() {
		if o.words == nil {
			continue
		}
		for _, name := range o.spellings() {
			fmt.Fprintf(&b, "    '%s' = %s\n", name, list(o.words))
		}
	}
	b.WriteString("  }\n" + powershellTail)
	return b.String()
}
