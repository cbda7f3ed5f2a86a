package fleet

import (
	"net/url"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

func TestWhatALoadedModelRunsWith(t *testing.T) {
	now := time.Now()
	before, after := now.Add(-time.Second), now.Add(time.Second)
	ours := ollama.Runner{NumCtx: 8192, Rest: `"num_batch":64`}
	for _, c := range []struct {
		what  string
		facts Facts
		state *State
		want  ollama.Runner
	}{
		{"nobody has asked, and it is not loaded", Facts{}, seen(now, 0, 0), ollama.Runner{}},
		{"others have loaded it", Facts{}, seen(now, 4096, 0), ollama.Runner{NumCtx: 4096}},
		{"others have, before v0.30, and it may have been clamped", Facts{}, seen(now, 2048, 0), ollama.Runner{}},
		{"others have, as the rules would", Facts{}, seen(now, 512, 0), ollama.Runner{NumCtx: 512}},
		{"others have, and were seen to get it for more", Facts{Asked: 40000, Got: 32768}, seen(now, 32768, 0), ollama.Runner{NumCtx: 40000}},
		{"a server that does not tell the context", Facts{}, seen(now, -1, 0), ollama.Runner{}},
		{"it is ours", Facts{Answered: before, Last: ours}, seen(now, 8192, 0), ours},
		{"ours, and clamped", Facts{Answered: before, Last: ollama.Runner{NumCtx: 40000}}, seen(now, 32768, 32768), ollama.Runner{NumCtx: 40000}},
		{"ours, with the server's own context", Facts{Answered: before, Own: 4096}, seen(now, 4096, 0), ollama.Runner{}},
		{"ours, the server's own context not seen yet", Facts{Answered: before}, seen(now, 4096, 0), ollama.Runner{}},
		{"others have loaded it since with another context", Facts{Answered: before, Last: ours}, seen(now, 32768, 0), ollama.Runner{NumCtx: 32768}},
		{"the same, and ours had the server's own", Facts{Answered: before, Own: 4096}, seen(now, 262144, 0), ollama.Runner{NumCtx: 262144}},
		{"ours is newer than the look", Facts{Answered: after, Last: ours}, seen(now, 2048, 0), ours},
		{"ours is newer than a look that has not seen it", Facts{Answered: after, Last: ours}, seen(now, 0, 0), ours},
	} {
		if c.state.Loaded != nil && c.state.Loaded[0].NumCtx < 0 {
			c.state.Loaded[0].NumCtx = 0
		}
		if got, ok := c.facts.Runs(c.state, key, ollama.Runner{NumCtx: 512}); got != c.want || !ok && c.want != (ollama.Runner{}) {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
}

func TestWhatOthersLoadIsNotTakenForWhatWasAskedForHere(t *testing.T) {
	now := time.Now()
	f := Facts{Answered: now.Add(-time.Second)}
	look := func(at time.Time, numCtx int) {
		s := seen(at, numCtx, 0)
		f = f.seen(s, s.Running(key))
	}
	look(now, 4096)
	look(now.Add(5*time.Second), 8192) // somebody has loaded it anew
	if f.Own != 4096 {
		t.Errorf("the server's own context is taken for %d", f.Own)
	}
	f.Answered = now.Add(6 * time.Second)
	look(now.Add(10*time.Second), 2048)
	if f.Own != 2048 {
		t.Errorf("after a new answer it is taken for %d", f.Own)
	}
}

func TestThatAModelWasUnloadedIsKnownThoughNoneHasAskedForIt(t *testing.T) {
	s := New(Options{URL: &url.URL{Scheme: "http", Host: "a"}})
	turn := s.Take(Want{Key: key, Unloads: true}, time.Now())
	turn.End(time.Now(), Outcome{Verdict: Fine})
	if s.Facts(key).Unloaded.IsZero() {
		t.Error("it is not")
	}
}
