package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"gollamas/internal/ollamatest"
)

// slowPace is the time between two records of a slow server.
const slowPace = 30 * time.Millisecond

// sizeOfFresh are the bytes of a model that a pretend server pulls.
const sizeOfFresh = 1_000_000

func TestOllamaLibraryPullsToEveryServerOfARoute(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		defer slowly(f.boxes["b"], "/api/pull")()
		var got records
		if err := f.client.Pull(limited(t), &api.PullRequest{Model: "fresh"}, got.hear); err != nil {
			t.Fatal(err)
		}
		f.reached(t, "/api/pull", "a b c")
		f.holders(t, "fresh", "a b c")
		summed(t, got, 3*sizeOfFresh)
		steps := got.statuses()
		if last := len(steps) - 1; steps[last] != "success" || slices.Index(steps, "success") != last {
			t.Errorf("the end is not told once: %q", steps)
		}
		for _, step := range []string{"pulling manifest", "verifying sha256 digest", "writing manifest"} {
			for id := range f.boxes {
				if !slices.Contains(steps, id+": "+step) {
					t.Errorf("nobody is told that %s is %s: %q", id, step, steps)
				}
			}
		}
	})
}

// summed checks the layers of several servers: one of each digest, whose length never changes and which only grows, to its end.
func summed(t *testing.T, got records, total int64) {
	t.Helper()
	last := map[string]api.ProgressResponse{}
	for _, p := range got {
		was, known := last[p.Digest]
		switch {
		case p.Digest == "":
			continue
		case p.Total != total || known && p.Completed < was.Completed || p.Completed > p.Total:
			t.Errorf("after %d of %d: %d of %d", was.Completed, was.Total, p.Completed, p.Total)
		case known && p.Status != was.Status:
			t.Errorf("the layer's line is %q, then %q", was.Status, p.Status)
		}
		last[p.Digest] = p
	}
	if len(last) != 1 {
		t.Errorf("%d layers are told of, not 1", len(last))
	}
	for digest, p := range last {
		if p.Completed != total || p.Status != "pulling "+strings.TrimPrefix(digest, "sha256:")[:12] {
			t.Errorf("at the end: %+v", p)
		}
	}
}

func TestOllamaLibraryPullsWithoutAStream(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		var got records
		if err := f.client.Pull(limited(t), &api.PullRequest{Model: "fresh", Stream: new(bool)}, got.hear); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0] != (api.ProgressResponse{Status: "success"}) {
			t.Errorf("the answer is %+v", got)
		}
		f.holders(t, "fresh", "a b c")
	})
}

func TestOllamaLibraryPullsToWhoeverLacksAModelOfAPattern(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		for _, pull := range []struct{ model, at, then string }{
			{"fam-new", "b", "b"}, // nobody has it
			{"fam-new", "c", "b c"},
			{"tiny-tools", "c", "b c"},
			{"tiny-tools", "b c", "b c"}, // nobody lacks it
		} {
			var got records
			if err := f.client.Pull(limited(t), &api.PullRequest{Model: pull.model}, got.hear); err != nil {
				t.Fatal(err)
			}
			if steps := got.statuses(); steps[len(steps)-1] != "success" {
				t.Errorf("%s: %q", pull.model, steps)
			}
			f.reached(t, "/api/pull", pull.at)
			f.holders(t, pull.model, pull.then)
		}
	})
}

func TestAPullThatFailsOnOneServerGoesOnOnTheOthersAndSaysSo(t *testing.T) {
	onManaged(t, func(t *testing.T, f *managed) {
		const full = "write: no space left on device"
		f.boxes["b"].pretend.Fault(ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: "/api/pull", After: 3, Body: full})
		for _, stream := range []bool{true, false} {
			var got records
			err := f.client.Pull(limited(t), &api.PullRequest{Model: "fresh", Stream: &stream}, got.hear)
			code, text := told(err)
			if want := map[bool]int{false: http.StatusBadGateway}[stream]; code != want {
				t.Errorf("stream %t: status %d", stream, code)
			}
			if text != "pulled on a, c, but not on b ("+full+")" || slices.Contains(got.statuses(), "success") {
				t.Errorf("stream %t: %v after %q", stream, err, got.statuses())
			}
			f.holders(t, "fresh", "a c")
		}
	})
}
