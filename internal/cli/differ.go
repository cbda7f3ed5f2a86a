package cli

import (
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"gollamas/internal/app"
)

// since are the differences that were not there before.
func since(before, after []app.Different) []app.Different {
	return slices.DeleteFunc(after, func(d app.Different) bool {
		return slices.ContainsFunc(before, func(b app.Different) bool { return b.Model == d.Model && slices.Equal(b.Copies, d.Copies) })
	})
}

// differ prints which models are not the same on all their servers, and what can be done about it.
func (t terminal) differ(all []app.Different) {
	for _, d := range all {
		fmt.Fprintf(t.out, "%s is not the same everywhere:\n", d.Model)
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		for _, c := range d.Copies {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s%s\n", ages[c.Age], c.Server, plain(c.Digest[:min(len(c.Digest), 12)]), modified(c.Modified), remedy(d, c))
		}
		_ = w.Flush() // to a terminal that is gone there is nothing to say
	}
	if len(all) > 0 {
		fmt.Fprintln(t.out, "sync changes none of these. For a model that comes from a registry, the command beside an older copy pulls it there anew.")
	}
}

var ages = map[app.Age]string{app.Newest: "newer", app.Older: "older", app.Unclear: "?"}

func modified(at time.Time) string {
	if at.IsZero() {
		return "of unknown time"
	}
	return at.Local().Format("2006-01-02 15:04")
}

// remedy is what brings an older copy up to date.
func remedy(d app.Different, c app.Copy) string {
	if c.Age == app.Newest {
		return ""
	}
	return fmt.Sprintf("\tOLLAMA_HOST=%s ollama pull %s", c.URL, d.Model)
}
