package cli

import (
	"fmt"
	"slices"
	"strings"

	"gollamas/internal/app"
)

// rules are what is said of a route's keep_alive and num_ctx, in brackets. "" = nothing is.
func rules(l app.Line) string {
	all := append(values("keep_alive", l, func(c app.Connection) app.Rule { return c.KeepAlive }),
		values("num_ctx", l, func(c app.Connection) app.Rule { return c.NumCtx })...)
	if len(all) == 0 {
		return ""
	}
	return "  (" + strings.Join(all, "; ") + ")"
}

// preloads prints what is to be in memory, and where.
func (t terminal) preloads(all []app.Preload) {
	if len(all) == 0 {
		return
	}
	renewed := "never pinged"
	if every := all[0].Ping; every != "" {
		renewed = "pinged every " + every
	}
	fmt.Fprintf(t.out, "would keep loaded, %s:\n", renewed)
	for _, p := range all {
		fmt.Fprintf(t.out, "  %s  on %s\n", p.Model, strings.Join(p.Connections, " and "))
	}
}

// values are the values of one setting, in the order of the connections, and where they do not hold on each, on which.
func values(setting string, l app.Line, of func(app.Connection) app.Rule) (out []string) {
	var seen []app.Rule
	for _, c := range l.Connections {
		rule := of(c)
		if rule == (app.Rule{}) || slices.Contains(seen, rule) {
			continue
		}
		seen = append(seen, rule)
		var on []string
		for _, c := range l.Connections {
			if of(c) == rule {
				on = append(on, c.ID)
			}
		}
		out = append(out, value(setting, rule, on, len(on) == len(l.Connections)))
	}
	return out
}

func value(setting string, rule app.Rule, on []string, everywhere bool) string {
	text := setting + " " + rule.Value
	if !everywhere {
		text += " on " + strings.Join(on, " and ")
	}
	if rule.Enforced {
		text += ", enforced"
	}
	return text
}
