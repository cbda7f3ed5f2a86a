package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"gollamas/internal/app"
)

// A shower shows how far pulls are. It is told of one step after another.
type shower interface {
	step(app.Step)
	end() // all is over, or nothing more is begun
}

// shower draws bars where there is a terminal that can, and prints lines otherwise.
func (t terminal) shower(all []app.Pull) shower {
	if f, ok := t.out.(*os.File); ok && t.getenv("TERM") != "dumb" {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && room(width) >= leastName {
			return newBars(t.out, all, width)
		}
	}
	return &lines{out: t.out, pulls: map[app.Pull]told{}}
}

// lines tell of each pull when it begins and ends, and seldom in between.
type lines struct {
	out   io.Writer
	pulls map[app.Pull]told
}

// told is when a pull began, and when it was last told of.
type told struct{ began, last time.Time }

// seldom is how long a pull is not told of again.
const seldom = 10 * time.Second

func (l *lines) step(s app.Step) {
	now := time.Now()
	at := l.pulls[s.Pull]
	switch {
	case s.Begun:
		at = told{now, now}
		fmt.Fprintf(l.out, "pulling %s\n", s.Pull)
	case s.Err != nil:
		fmt.Fprintf(l.out, "not pulled: %s: %s\n", s.Pull, plain(s.Err.Error()))
	case s.Over:
		fmt.Fprintf(l.out, "pulled %s: %s in %s\n", s.Pull, size(s.Total), now.Sub(at.began).Round(100*time.Millisecond))
	case now.Sub(at.last) >= seldom:
		at.last = now
		fmt.Fprintf(l.out, "pulling %s: %s\n", s.Pull, far(s))
	}
	l.pulls[s.Pull] = at
}

func (l *lines) end() {}

// far is how much has come, and what the server does.
func far(s app.Step) string {
	if s.Total == 0 {
		return plain(s.Status)
	}
	return fmt.Sprintf("%d%% of %s, %s", s.Completed*100/s.Total, size(s.Total), plain(s.Status))
}

// size is a number of bytes as the ollama command writes it.
func size(bytes int64) string { return fmt.Sprintf("% .1f", decor.SizeB1000(bytes)) }
