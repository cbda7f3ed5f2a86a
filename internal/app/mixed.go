package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tellMixed warns once of every model that is not the same on all its servers, as they come to be seen.
func (a *App) tellMixed(ctx context.Context) {
	var told []string // of the models that are mixed now
	for {
		s := a.settings()
		var now []string
		for _, m := range s.table.Mixed() {
			what := fmt.Sprint(m.Model, slices.Sorted(maps.Keys(m.Digests)))
			if now = append(now, what); !slices.Contains(told, what) {
				a.log.Warn("one name, different models: answers differ from server to server, and embeddings stay on the first healthy one's",
					"model", m.Model, "digests", digests(m.Digests))
			}
		}
		told = now
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.cfg.Watch):
		}
	}
}

// digests writes which servers have which, as one list.
func digests(of map[string][]string) []string {
	var out []string
	for _, digest := range slices.Sorted(maps.Keys(of)) {
		out = append(out, digest[:min(len(digest), 12)]+" on "+strings.Join(of[digest], ", "))
	}
	return out
}
