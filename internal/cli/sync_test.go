package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbauerster/mpb/v8"

	"gollamas/internal/app"
	"gollamas/internal/ollamatest"
)

// A typed is what came of a command line.
type typed struct {
	code     int
	out, err string
}

func run(stop <-chan os.Signal, args ...string) typed {
	var out, err strings.Builder
	code := terminal{out: &out, err: &err, getenv: func(string) string { return "" }, stop: stop}.run(args)
	return typed{code, out.String(), err.String()}
}

// pair are two servers, the second without anything, and the flags that route m and n to both.
func pair(t *testing.T, o ollamatest.Options) (a, b *ollamatest.Server, flags []string) {
	t.Helper()
	var all []*ollamatest.Server
	for _, models := range [][]ollamatest.Model{{{Name: "m"}}, nil} {
		o.Models = models
		s, err := ollamatest.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		all = append(all, s)
	}
	flags = []string{"sync", "--connection", "a=" + all[0].URL(), "--connection", "b=" + all[1].URL()}
	for _, to := range []string{"m=a", "m=b", "n=a", "n=b"} {
		flags = append(flags, "--proxy", to)
	}
	return all[0], all[1], flags
}

// changes are the requests that a server got which do not only read.
func changes(s *ollamatest.Server) (out []string) {
	for _, q := range s.Requests() {
		if q.Method != "GET" {
			out = append(out, q.Method+" "+q.URL)
		}
	}
	return out
}

func TestADryRunOfSyncOnlyReads(t *testing.T) {
	a, b, flags := pair(t, ollamatest.Options{})
	got := run(nil, append(flags, "--dry-run")...)
	if want := "pull m on b\npull n on a\npull n on b\nnothing has been pulled: this was --dry-run\n"; got != (typed{0, want, ""}) {
		t.Errorf("%+v", got)
	}
	if all := append(changes(a), changes(b)...); len(all) > 0 {
		t.Errorf("the servers were sent %q", all)
	}
}

func TestAServerThatFailsInASyncIsNamedAndTheExitCodeIs1(t *testing.T) {
	a, b, flags := pair(t, ollamatest.Options{})
	a.Fault(ollamatest.Fault{Kind: ollamatest.Cut, Path: "/api/pull", Model: "n", After: 3})
	b.Fault(ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: "/api/pull", Model: "m", After: 3, Body: "no space\x1b[2J left"})
	got := run(nil, flags...)
	for _, want := range []string{"not pulled: n on a: connection closed\n", "not pulled: m on b: no space\uFFFD[2J left\n"} {
		if got.code != 1 || !strings.Contains(got.out, want) || !strings.Contains(got.err, "gollamas: "+want) {
			t.Errorf("%q is missing in %+v", want, got)
		}
	}
	if !strings.Contains(got.out, "pulled n on b: 1.0 MB in ") {
		t.Errorf("the rest was not done: %s", got.out)
	}
	for _, s := range []*ollamatest.Server{a, b} {
		for _, change := range changes(s) {
			if change != "POST /api/pull" {
				t.Errorf("a server was sent %s", change)
			}
		}
	}
}

func TestASignalEndsASync(t *testing.T) {
	a, b, flags := pair(t, ollamatest.Options{})
	b.Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/pull", After: 3})
	stop := make(chan os.Signal, 2)
	done := make(chan typed)
	go func() { done <- run(stop, flags...) }()
	pulls := func() int { return len(changes(a)) + len(changes(b)) }
	for deadline := time.Now().Add(20 * time.Second); pulls() < 2 || a.InFlight() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d pulls after 20 s", pulls())
		}
	}
	stop <- syscall.SIGINT
	got := <-done
	// a's pull has ended there, and may just not have been heard of
	want := regexp.MustCompile(`^gollamas: stopped: (1 pull|2 pulls) broken off, 1 not begun; servers keep what has come, and the next sync goes on from there\n$`)
	if got.code != 1 || !want.MatchString(got.err) || !strings.Contains(got.out, "not pulled: m on b: it was broken off\n") {
		t.Errorf("%+v", got)
	}
}

// A pull of m on each of two servers, in steps.
var (
	onEast = app.Pull{Model: "llama3.2", Server: "east"}
	onWest = app.Pull{Model: "llama3.2", Server: "west"}
)

func under(p app.Pull, completed int64) app.Step {
	return app.Step{Pull: p, Status: "pulling dde5aa3fc5ff", Completed: completed, Total: 2e9}
}

func TestLinesTellOfAPullWhenItBeginsAndEndsAndSeldomInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := terminal{out: &out}.shower([]app.Pull{onEast, onWest})
		l.step(app.Step{Pull: onEast, Begun: true})
		l.step(app.Step{Pull: onEast, Status: "pulling manifest"})
		for s := range int64(25) {
			time.Sleep(time.Second)
			l.step(under(onEast, (s+1)*4e7))
		}
		l.step(app.Step{Pull: onEast, Status: "success", Completed: 2e9, Total: 2e9, Over: true})
		l.step(app.Step{Pull: onWest, Begun: true})
		time.Sleep(11 * time.Second)
		l.step(app.Step{Pull: onWest, Status: "pulling manifest"})
		l.step(app.Step{Pull: onWest, Over: true, Err: errors.New("connection closed")})
		l.end()
		want := `pulling llama3.2 on east
pulling llama3.2 on east: 20% of 2.0 GB, pulling dde5aa3fc5ff
pulling llama3.2 on east: 40% of 2.0 GB, pulling dde5aa3fc5ff
pulled llama3.2 on east: 2.0 GB in 25s
pulling llama3.2 on west
pulling llama3.2 on west: pulling manifest
not pulled: llama3.2 on west: connection closed
`
		if out.String() != want {
			t.Errorf("%s\nwant\n%s", out.String(), want)
		}
	})
}

// A picture is a terminal that bars are drawn on, of so many columns.
type picture struct {
	bytes.Buffer
	*bars
}

func draw(width int, all ...app.Pull) *picture {
	p := &picture{}
	p.bars = newBars(&p.Buffer, all, width, mpb.WithWidth(width), mpb.WithAutoRefresh())
	return p
}

// now is what stands there when all that was told is drawn.
func (p *picture) now() []string {
	time.Sleep(time.Second)
	synctest.Wait()
	return p.screen()
}

// screen is what stands there: each drawing goes up over the one before it.
func (p *picture) screen() []string {
	var lines []string
	for i, drawn := range strings.Split(p.String(), "\x1b[") {
		up := 0
		if _, err := fmt.Sscanf(drawn, "%dA", &up); i > 0 && err == nil {
			lines, drawn = lines[:len(lines)-up], drawn[strings.Index(drawn, "A")+1:]
		}
		drawn = strings.TrimPrefix(drawn, "J")
		for line := range strings.Lines(drawn) {
			lines = append(lines, strings.TrimRight(line, " \n"))
		}
	}
	return lines
}

func wantPicture(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestThereIsABarForEachPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := draw(80, onEast, onWest)
		p.step(app.Step{Pull: onEast, Begun: true})
		p.step(app.Step{Pull: onWest, Begun: true})
		p.step(under(onEast, 1e9))
		p.step(app.Step{Pull: onWest, Status: "pulling manifest \x1b[2J and much more"})
		wantPicture(t, p.now(),
			"llama3.2 on east [=========>---------]     1.0 GB / 2.0 GB  pulling dde5aa3fc5ff",
			"llama3.2 on west [-------------------]                      pulling manifest \uFFFD[…")
		p.step(app.Step{Pull: onEast, Status: "success", Completed: 2e9, Total: 2e9, Over: true})
		p.now()
		p.step(app.Step{Pull: onWest, Completed: 1e9, Total: 2e9, Over: true, Err: errors.New("connection closed")})
		p.end()
		wantPicture(t, p.screen(),
			"llama3.2 on east [===================]     2.0 GB / 2.0 GB  pulled",
			"llama3.2 on west [=========>---------]     1.0 GB / 2.0 GB  failed")
	})
}

func TestABarThatIsOverStandsAboveThoseThatFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := app.Pull{Model: "m", Server: "east"}
		p := draw(80, onEast, onWest, next)
		p.step(app.Step{Pull: onWest, Begun: true})
		p.step(app.Step{Pull: onEast, Begun: true})
		p.now()
		p.step(app.Step{Pull: onEast, Completed: 5e8, Total: 5e8, Over: true})
		p.now()
		p.step(app.Step{Pull: next, Begun: true})
		p.step(app.Step{Pull: next, Completed: 0, Total: 4e12})
		p.step(app.Step{Pull: onWest, Over: true, Err: app.ErrStopped})
		p.now()
		p.step(app.Step{Pull: next, Completed: 1e12, Total: 4e12, Over: true, Err: app.ErrStopped})
		p.end()
		wantPicture(t, p.screen(),
			"llama3.2 on east [===================] 500.0 MB / 500.0 MB  pulled",
			"llama3.2 on west [-------------------]                      broken off",
			"m on east        [====>--------------]     1.0 TB / 4.0 TB  broken off")
	})
}

func TestBarsKeepWithinTheirTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := app.Pull{Model: "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", Server: "gaming-pc"}
		p := draw(80, long)
		p.step(app.Step{Pull: long, Begun: true})
		p.step(under(long, 1e9))
		wantPicture(t, p.now(), "…GGUF:Q4_K_M on gaming-pc [====>-----]     1.0 GB / 2.0 GB  pulling dde5aa3fc5ff")
		p.step(app.Step{Pull: long, Over: true})
		p.end()
	})
}

func TestASignalEndsASyncThatStillAsks(t *testing.T) {
	a, b, flags := pair(t, ollamatest.Options{})
	b.Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/version"})
	stop := make(chan os.Signal, 2)
	stop <- syscall.SIGTERM
	if got := run(stop, flags...); got != (typed{1, "", "gollamas: stopped before every server was asked\n"}) {
		t.Errorf("%+v", got)
	}
	if all := append(changes(a), changes(b)...); len(all) > 0 {
		t.Errorf("the servers were sent %q", all)
	}
}
