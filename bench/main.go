// Command bench shows what gollamas costs, beside the obvious proxy and beside
// no proxy at all, in one run on one machine. Each of them is a process of its
// own, so that what one costs is not charged to another.
package main

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
	"time"
)

func main() {
	if role := os.Getenv(roleEnv); role != "" {
		fail(play(role))
		return
	}
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, os.Args[1:], os.Stdout)
	end()
	fail(err)
}

// fail ends the program where something could not be run. A limit that is
// missed is no failure: it stands in the table.
func fail(err error) {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintf(os.Stderr, "bench: %v\n", err)
	os.Exit(1)
}

// A plan is how long and how much. The defaults together take less than 90 seconds.
type plan struct {
	rounds   int
	cases    []string
	json     bool
	profiles string // a folder, "" = none are made

	smallFor, streamsFor, bodiesFor time.Duration // one round of one way

	talking     int   // streams at the same time
	waiting     int   // streams at the same time
	picture     int   // bytes of the large bodies
	largest     int   // bytes of the one body whose memory is watched
	freshRounds int   // of the cases that start new processes
	blob        int64 // bytes of an upload to two servers
}

func defaults() plan {
	return plan{
		smallFor: 700 * time.Millisecond, streamsFor: 1500 * time.Millisecond, bodiesFor: 300 * time.Millisecond,
		talking: 500, waiting: 1000, picture: 8 << 20, largest: 64 << 20, freshRounds: 3, blob: 5e9,
	}
}

// allCases are the parts of a run, in order.
var allCases = []struct {
	name string
	run  func(*runner, context.Context) ([]measure, error)
}{
	{"small", (*runner).small},
	{"streams", (*runner).talk},
	{"bodies", (*runner).bodies},
	{"memory", (*runner).idle},
	{"whole", (*runner).whole},
	{"blobs", (*runner).blobs},
}

// longCases run only where they are asked for by name: of minutes.
var longCases = []string{"blobs"}

// parse reads the command line.
func parse(args []string) (plan, error) {
	p := defaults()
	var names []string
	for _, c := range allCases {
		names = append(names, c.name)
	}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&p.rounds, "rounds", 7, "how often each way is measured; medians are shown")
	fs.BoolVar(&p.json, "json", false, "write JSON lines in the place of the table")
	fs.StringVar(&p.profiles, "profile", "", "also write profiles of gollamas for go tool pprof into this folder")
	usual := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(longCases, n) })
	only := fs.String("case", strings.Join(usual, ","), "which parts to run; also "+strings.Join(longCases, ", ")+", which takes minutes")
	fs.Int64Var(&p.blob, "blob", p.blob, "bytes of the uploads in blobs")
	if err := fs.Parse(args); err != nil {
		return p, err
	}
	p.cases = strings.Split(*only, ",")
	for _, c := range p.cases {
		if !slices.Contains(names, c) {
			return p, fmt.Errorf("there is no case %q: they are %s", c, strings.Join(names, ", "))
		}
	}
	if p.rounds < 1 || p.blob < 1 || fs.NArg() > 0 {
		return p, errors.New("-rounds and -blob are at least 1, and only flags are taken")
	}
	return p, nil
}

// bench is the whole run: it starts the processes, measures, and prints.
func bench(ctx context.Context, args []string, out io.Writer) error {
	p, err := parse(args)
	if err != nil {
		return err
	}
	most := time.Minute + time.Duration(p.rounds)*30*time.Second // several times what it takes
	if slices.Contains(p.cases, "blobs") {
		most += time.Duration(p.rounds) * 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return p.run(ctx, out)
}

func (p plan) run(ctx context.Context, out io.Writer) error {
	r, err := newRunner(ctx, p)
	if err != nil {
		return err
	}
	defer r.stop()
	page := newPage(out, p)
	page.opening()
	for _, c := range allCases {
		if !slices.Contains(p.cases, c.name) {
			continue
		}
		rows, err := c.run(r, ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		page.add(rows)
	}
	page.closing()
	return nil
}
