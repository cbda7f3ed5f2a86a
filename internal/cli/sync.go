package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"gollamas/internal/app"
)

// sync compares the servers, which it asks itself, with the configuration, says what they lack, and
// has them pull it unless that is not wanted.
func (t terminal) sync(args []string) error {
	fs := flag.NewFlagSet("sync", flag.ContinueOnError)
	dry := fs.Bool("dry-run", false, "")
	a, _, err := t.quiet(fs, args)
	if err != nil {
		return err
	}
	ctx, _, end := t.signals()
	defer end()
	s := a.Sync(ctx)
	defer s.Close()
	plan := s.Plan()
	if ctx.Err() != nil {
		return errors.New("stopped before every server was asked")
	}
	t.plan(plan)
	wrong := plan.Unknown
	switch {
	case *dry && len(plan.Pulls) > 0:
		fmt.Fprintln(t.out, "nothing has been pulled: this was --dry-run")
	case !*dry:
		wrong = append(append(t.pullAll(ctx, s, plan.Pulls), stubs(plan.Stubs)...), wrong...)
		t.differ(since(plan.Differ, s.Plan().Differ))
	}
	return errors.Join(wrong...)
}

// plan prints what is to be done, and what a person is to know.
func (t terminal) plan(p app.Plan) {
	for _, pull := range p.Pulls {
		fmt.Fprintf(t.out, "pull %s\n", pull)
	}
	for _, s := range p.Stubs {
		fmt.Fprintf(t.out, "%s on %s only stands for a model on %s: it is left alone\n", s.Model, s.Server, plain(s.Host))
	}
	if len(p.Pulls) == 0 {
		fmt.Fprintln(t.out, nothing(p))
	}
	t.differ(p.Differ)
}

// nothing says why there is nothing to pull.
func nothing(p app.Plan) string {
	switch {
	case p.Routed == 0:
		return "nothing to pull: no model is routed by its own name, and for a pattern nothing is pulled"
	case len(p.Unknown) > 0:
		return "nothing to pull: the servers that answer have all models that are routed to them by name"
	case len(p.Stubs) > 0:
		return "nothing to pull: all other models that are routed by name are on all their servers"
	}
	return "nothing to pull: each model that is routed by name is on all its servers"
}

// stubs are errors: what was to be on the servers is not.
func stubs(all []app.Stub) (wrong []error) {
	for _, s := range all {
		wrong = append(wrong, fmt.Errorf("%s is not installed on %s, where its name stands for a model elsewhere: to have it there, remove that and sync again", s.Model, s.Server))
	}
	return wrong
}

// pullAll has the servers pull, shows how far that is, and returns an error for each that has come to nothing.
func (t terminal) pullAll(ctx context.Context, s *app.Sync, all []app.Pull) (wrong []error) {
	if len(all) == 0 {
		return nil
	}
	show := t.shower(all)
	begun, broken := 0, 0
	s.Pull(all, func(step app.Step) {
		show.step(step)
		switch {
		case step.Begun:
			begun++
		case errors.Is(step.Err, app.ErrStopped):
			broken++
		case step.Err != nil:
			wrong = append(wrong, fmt.Errorf("not pulled: %s: %s", step.Pull, plain(step.Err.Error())))
		}
	})
	show.end()
	if ctx.Err() != nil && broken+len(all)-begun > 0 {
		wrong = append(wrong, fmt.Errorf("stopped: %s broken off, %d not begun; servers keep what has come, and the next sync goes on from there", count(broken, "pull"), len(all)-begun))
	}
	return wrong
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// plain is what a server has said without what would move a terminal's cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}
