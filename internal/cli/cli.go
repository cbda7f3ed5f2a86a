// Package cli is the command line: what is typed, what is printed, exit codes.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"gollamas/internal/app"
	"gollamas/internal/balance"
	"gollamas/internal/config"
	"gollamas/internal/telemetry"
)

// A terminal is what the program was started with; tests have their own.
type terminal struct {
	out, err io.Writer
	getenv   func(string) string
	stop     <-chan os.Signal // the first asks to stop, the second to stop now
	hangUp   *hangUp          // asks to read the settings again, or that the terminal is gone; nil = nothing does
}

// Main runs the command line and returns the exit code: 0 = done, 1 = it
// failed, 2 = the command line is wrong.
func Main(args []string) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	hangUp := &hangUp{signals: make(chan os.Signal, 1)}
	defer signal.Stop(hangUp.signals)
	return terminal{out: os.Stdout, err: os.Stderr, getenv: os.Getenv, stop: signals, hangUp: hangUp}.run(args)
}

// A usageError is a command line that is wrong.
type usageError struct{ error }

func (t terminal) run(args []string) int {
	command := "serve"
	switch {
	case len(args) == 1 && args[0] == "--version":
		args = []string{"version"}
	case len(args) == 1 && args[0] == "--help-all":
		args = []string{"help", "all"}
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	found := find(command)
	err := fmt.Errorf("there is no command %q", config.Redact(command))
	if found != nil {
		err = found.run(t, args)
	}
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		_ = t.help(nil)
		return 0
	case found == nil || errors.As(err, &usage):
		fmt.Fprintf(t.err, "gollamas: %v\nTry gollamas --help.\n", err)
		return 2
	}
	for _, e := range each(err) {
		fmt.Fprintf(t.err, "gollamas: %v\n", e)
	}
	return 1
}

// each is the errors that were joined into one.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// parse reads flags; what is left over, or unknown, is an error that says what was meant.
func parse(fs *flag.FlagSet, args []string) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return usageError{errors.New(flagText(fs, err.Error()))}
	case fs.NArg() > 0 && slices.ContainsFunc(args, func(a string) bool { return strings.Contains(a, "api-key") }):
		return usageError{errors.New("something is left over behind the flags, perhaps a part of --api-key NAME=KEY: there are no blanks in it")}
	case fs.NArg() > 0:
		return usageError{fmt.Errorf("%q is left over: every setting is a flag, and yes or no is written --flag=false", config.Redact(fs.Arg(0)))}
	}
	return nil
}

// flagText puts package flag's errors in the words of the rest.
func flagText(fs *flag.FlagSet, text string) string {
	name, ok := strings.CutPrefix(text, "flag provided but not defined: -")
	if !ok {
		return strings.Replace(text, ": -", ": --", 1)
	}
	var known []string
	fs.VisitAll(func(f *flag.Flag) {
		if len(f.Name) > 1 {
			known = append(known, f.Name)
		}
	})
	return fmt.Sprintf("there is no flag --%s%s", name, strings.Replace(config.Near(name, known), `"`, `"--`, 1))
}

// loadWith reads flags, a command's own among them, and loads the settings.
func (t terminal) loadWith(fs *flag.FlagSet, args []string) (config.Config, error) {
	given := config.Flags(fs)
	if err := parse(fs, args); err != nil {
		return config.Config{}, err
	}
	return config.Load(given, t.getenv)
}

// quiet builds the program for a command that asks servers itself, or none, and logs nothing.
func (t terminal) quiet(fs *flag.FlagSet, args []string) (*app.App, config.Config, error) {
	cfg, err := t.loadWith(fs, args)
	if err != nil {
		return nil, cfg, err
	}
	a, err := app.New(cfg, telemetry.NewLogger(io.Discard, cfg.Level))
	return a, cfg, err
}

// serve is what gollamas is for.
func (t terminal) serve(args []string) error {
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	given := config.Flags(fs)
	if err := parse(fs, args); err != nil {
		return err
	}
	load := func() (config.Config, error) { return config.Load(given, t.getenv) }
	cfg, err := load()
	if err != nil {
		return err
	}
	log, setLevel := telemetry.NewLeveled(t.err, cfg.Level)
	a, err := app.New(cfg, log)
	if err != nil {
		return err
	}
	a.Load, a.SetLevel = load, setLevel
	l, err := a.Listen()
	if err != nil {
		return err
	}
	a.Version, _ = buildInfo()
	if err := a.OpenAdmin(); err != nil {
		_ = l.Close()
		return err
	}
	ctx, now, end := t.signals()
	defer end()
	ctx, hungUp := context.WithCancel(ctx)
	defer hungUp()
	if t.hangUp != nil {
		t.hangUp.listen()
		go t.hangUp.heed(now, a.Reload, hungUp)
	}
	return a.Run(ctx, now, l)
}

// signals returns two contexts: the first signal ends one, the second the other.
func (t terminal) signals() (ctx, now context.Context, end func()) {
	ctx, stop := context.WithCancel(context.Background())
	now, stopNow := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer stopNow()
		defer stop()
		for _, cancel := range []func(){stop, stopNow} {
			select {
			case <-t.stop:
				cancel()
			case <-ended:
				return
			}
		}
	}()
	return ctx, now, func() { close(ended) }
}

// check says what would be served, or everything that is wrong.
func (t terminal) check(args []string) error {
	a, cfg, err := t.quiet(flag.NewFlagSet("check", flag.ContinueOnError), args)
	if err != nil {
		return err
	}
	how := ""
	if cfg.ServerTLS != (config.ServerTLS{}) {
		how = ", by https"
	}
	fmt.Fprintf(t.out, "would serve on %s%s:\n", cfg.Listen, how)
	t.routes(a.Lines())
	t.preloads(a.Preloads())
	return nil
}

// routes prints a line for each: the model, its connections in order, its aliases, its rules.
func (t terminal) routes(lines []app.Line) {
	width := 0
	for _, l := range lines {
		width = max(width, len(l.Model))
	}
	for _, l := range lines {
		also := ""
		if len(l.Aliases) > 0 {
			also = "  (also " + strings.Join(l.Aliases, ", ") + ")"
		}
		fmt.Fprintf(t.out, "  %-*s  → %s%s%s\n", width, l.Model, connections(l), also, rules(l))
	}
}

// connections names a route's, a lower tier first, and where there are several in
// one, how one is chosen if it is not as usual.
func connections(l app.Line) string {
	inOrder, choice := l.Balance == "in-order", false
	var b strings.Builder
	tier := 0
	for i, c := range slices.SortedStableFunc(slices.Values(l.Connections), func(a, b app.Connection) int { return a.Tier - b.Tier }) {
		switch {
		case i == 0:
		case inOrder || c.Tier != tier:
			b.WriteString(", then ")
		default:
			b.WriteString(" or ")
			choice = true
		}
		tier = c.Tier
		b.WriteString(c.ID + limits(c, !inOrder))
	}
	if choice && l.Balance != balance.Names[0] {
		b.WriteString(", " + l.Balance)
	}
	return b.String()
}

// limits is what was said of a connection beyond the usual. in-order knows no weights.
func limits(c app.Connection, weighs bool) string {
	var all []string
	if weighs && c.Weight > 1 {
		all = append(all, fmt.Sprintf("weight %d", c.Weight))
	}
	if c.Parallel > 0 {
		all = append(all, fmt.Sprintf("%d at once", c.Parallel))
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}
