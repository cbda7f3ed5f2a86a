package jobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// changing is a change under way on a server of that name.
func changing(id string) *Change {
	s := fleet.New(fleet.Options{ID: id, URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
	return &Change{Server: s, What: "pull", done: make(chan struct{}), followers: map[chan<- struct{}]bool{}}
}

// say has a change's server say a line.
func (c *Change) say(t *testing.T, line string) {
	t.Helper()
	if err := c.hear([]byte(line)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// followed gathers what is told of changes.
func followed(ctx context.Context, all ...*Change) (records *[]string, ended chan error) {
	records, ended = new([]string), make(chan error, 1)
	go func() {
		ended <- Follow(ctx, all, len(all) > 1, func(r []byte) { *records = append(*records, string(r)) })
	}()
	synctest.Wait()
	return records, ended
}

func wantRecords(t *testing.T, got *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*got, want) {
		t.Errorf("told:\n%q\nnot:\n%q", *got, want)
	}
	*got = nil
}

func TestProgressOfSeveralServersIsOneStreamOfSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := changing("a"), changing("b")
		got, ended := followed(t.Context(), a, b)
		a.say(t, `{"status":"pulling manifest"}`)
		b.say(t, `{"status":"pulling manifest"}`)
		wantRecords(t, got, `{"status":"a: pulling manifest"}`, `{"status":"b: pulling manifest"}`)
		a.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":10}`)
		wantRecords(t, got, `{"status":"pulling 1","digest":"sha256:1","total":200,"completed":10}`) // b will have to fetch as much
		b.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100}`)
		wantRecords(t, got) // nothing is new
		b.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":30}`)
		wantRecords(t, got, `{"status":"pulling 1","digest":"sha256:1","total":200,"completed":40}`)
		a.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":100}`)
		a.say(t, `{"status":"success"}`)
		wantRecords(t, got, `{"status":"pulling 1","digest":"sha256:1","total":200,"completed":130}`, `{"status":"a: success"}`)
		a.end(nil)
		synctest.Wait()
		if len(ended) > 0 {
			t.Error("it ends before all have")
		}
		b.end(&ChangeError{Text: "gone"})
		if err := <-ended; err != nil {
			t.Error(err)
		}
		wantRecords(t, got)
		if len(a.followers)+len(b.followers) > 0 {
			t.Error("somebody follows still")
		}
	})
}

func TestWhoFollowsLateHearsHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := changing("a"), changing("b")
		for _, c := range []*Change{a, b} {
			c.say(t, `{"status":"pulling manifest"}`)
			for _, line := range []string{`{"status":"pulling 1","digest":"sha256:1","total":9,"completed":1}`, `{"status":"pulling 1","digest":"sha256:1","total":9,"completed":7}`} {
				c.say(t, line)
			}
		}
		got, ended := followed(t.Context(), a, b)
		wantRecords(t, got, `{"status":"a: pulling manifest"}`, `{"status":"pulling 1","digest":"sha256:1","total":18,"completed":14}`, `{"status":"b: pulling manifest"}`)
		a.end(nil)
		b.end(nil)
		<-ended
		got, ended = followed(t.Context(), a) // all is over
		<-ended
		wantRecords(t, got, `{"status":"pulling manifest"}`, `{"status":"pulling 1","digest":"sha256:1","total":9,"completed":7}`)
	})
}

func TestALayerIsAsLongAsItWasFirstTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := changing("a"), changing("b")
		got, ended := followed(t.Context(), a, b)
		b.end(&ChangeError{Text: "refused"})
		a.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":10}`)
		wantRecords(t, got, `{"status":"pulling 1","digest":"sha256:1","total":200,"completed":10}`) // b will never have it
		a.end(nil)
		<-ended
		wantRecords(t, got, `{"status":"pulling 1","digest":"sha256:1","total":200,"completed":100}`) // what is done is there, said or not
	})
}

// Ollama says nothing of a layer that comes within a glance.
func TestALayerIsWholeWhereAllAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := changing("a"), changing("b")
		got, ended := followed(t.Context(), a, b)
		a.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":100}`)
		b.say(t, `{"status":"verifying sha256 digest"}`)
		*got = nil
		b.end(nil)
		synctest.Wait()
		wantRecords(t, got, `{"status":"pulling 1","digest":"sha256:1","total":200,"completed":200}`)
		a.end(nil)
		<-ended
		wantRecords(t, got)
	})
}

func TestALayerWithTwoStatusesIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := changing("a")
		a.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":100}`)
		a.say(t, `{"status":"verifying 1","digest":"sha256:1","total":100,"completed":10}`)
		if now := a.Now(); now.Total != 100 || now.Completed != 10 || now.Status != "verifying 1" {
			t.Errorf("%+v", now)
		}
		a.end(nil)
	})
}

func TestOfManyStatusesTheLastAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := changing("a")
		a.say(t, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":1}`)
		for i := range 2 * mostSteps {
			if err := a.hear(fmt.Appendf(nil, `{"status":"step %d"}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		got, ended := followed(t.Context(), a)
		if n := len(*got); n != mostSteps || (*got)[n-1] != fmt.Sprintf(`{"status":"step %d"}`, 2*mostSteps-1) || a.Now().Total != 100 {
			t.Errorf("%d steps, the last %s", n, (*got)[n-1])
		}
		a.end(nil)
		<-ended
	})
}

func TestOneServersProgressIsToldAsItWroteIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := changing("a")
		got, ended := followed(t.Context(), a)
		lines := []string{`{"status": "pulling manifest", "new":1}`, `{"status":"pulling 1","digest":"sha256:1","total":100,"completed":10}`}
		for _, line := range lines {
			a.say(t, line)
		}
		a.say(t, `{"status":"success"}`) // whoever calls tells that
		a.end(nil)
		<-ended
		wantRecords(t, got, lines...)
	})
}

func TestWhoLeavesFollowsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := changing("a")
		ctx, leave := context.WithCancel(t.Context())
		_, ended := followed(ctx, a)
		leave()
		if err := <-ended; !errors.Is(err, context.Canceled) || len(a.followers) > 0 {
			t.Errorf("%v, %d follow", err, len(a.followers))
		}
	})
}

// What comes after success is the last word: a stream that says both has failed.
func TestOnlyTheLastWordIsSuccess(t *testing.T) {
	for text, want := range map[string]bool{`{"status":"success"}`: true, `{"status":"writing manifest"}`: false, `{"error":"no space"}`: false, `<html>`: false} {
		a := changing("a")
		_ = a.hear([]byte(`{"status":"success"}`))
		err := a.hear([]byte(text))
		if got := a.said != nil && err == nil; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	a := changing("a")
	for i := range mostSteps + 10 {
		a.note(ollama.Progress{Status: "s", Digest: string(rune(i + 1))}, nil)
	}
	if len(a.steps) != mostSteps {
		t.Errorf("%d steps are kept", len(a.steps))
	}
}
