package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"

	"gollamas/internal/app"
)

// variants lists the models that gollamas has made on the servers, which it asks itself, and removes
// those that no rule needs if that is wanted.
func (t terminal) variants(args []string) error {
	fs := flag.NewFlagSet("variants", flag.ContinueOnError)
	prune := fs.Bool("prune", false, "")
	a, _, err := t.quiet(fs, args)
	if err != nil {
		return err
	}
	ctx, _, end := t.signals()
	defer end()
	all, err := a.Variants(ctx)
	if ctx.Err() != nil {
		return errors.New("stopped before every server was asked")
	}
	t.table(all, err == nil)
	if *prune {
		err = errors.Join(append(each(err), t.prune(ctx, all)...)...)
	}
	return err
}

// table prints a line for each variant. whole says that every server was asked.
func (t terminal) table(all []app.Variant, whole bool) {
	switch {
	case len(all) == 0 && whole:
		fmt.Fprintln(t.out, "no server has a variant")
		return
	case len(all) == 0:
		fmt.Fprintln(t.out, "no server that answers has a variant")
		return
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SERVER\tVARIANT\tMODEL\tNUM_CTX\tNEEDED")
	for _, v := range all {
		needed := "yes"
		if v.Idle != "" {
			needed = "no: " + v.Idle
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", v.Server, v.Name, v.Model, v.NumCtx, needed)
	}
	_ = w.Flush() // to a terminal that is gone there is nothing to say
}

// prune removes the variants that no rule needs, and says so of each. Its errors are of those that stay.
func (t terminal) prune(ctx context.Context, all []app.Variant) (wrong []error) {
	removed := 0
	for _, v := range all {
		if v.Idle == "" {
			continue
		}
		if err := v.Remove(ctx); err != nil {
			wrong = append(wrong, err)
			continue
		}
		removed++
		fmt.Fprintf(t.out, "removed from %s: %s\n", v.Server, v.Name)
	}
	if removed == 0 && len(wrong) == 0 {
		fmt.Fprintln(t.out, "nothing to remove")
	}
	return wrong
}
