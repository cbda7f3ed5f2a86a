package cli

import (
	"errors"
	"io"
	"sync/atomic"
	"unicode/utf8"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"gollamas/internal/app"
)

// bars draw a bar for each pull that has begun. Those that are over scroll up and stay.
type bars struct {
	all   *mpb.Progress
	pulls map[app.Pull]*bar
	name  int // columns for what a pull is called
}

// A bar is one pull's.
type bar struct {
	*mpb.Bar                          // nil = the terminal was gone when the pull began
	last     atomic.Pointer[app.Step] // what the bar says, whenever it is drawn
}

// Columns of a line. What a pull is called gets those that are left.
const (
	bytesWide  = 19 // "999.9 MB / 999.9 GB"
	statusWide = 20 // "pulling dde5aa3fc5ff", as most of the time
	barWide    = 12 // at least
	spaces     = 4  // between them
	leastName  = 16
)

// room is how many columns there are for what a pull is called.
func room(width int) int { return width - bytesWide - statusWide - barWide - spaces }

// newBars draws on a terminal of so many columns.
func newBars(out io.Writer, all []app.Pull, width int, more ...mpb.ContainerOption) *bars {
	b := &bars{pulls: map[app.Pull]*bar{}}
	for _, p := range all {
		b.name = min(max(b.name, utf8.RuneCountInString(p.String())), room(width))
	}
	b.all = mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(out), mpb.PopCompletedMode()}, more...)...)
	return b
}

func (b *bars) step(s app.Step) {
	if s.Begun {
		b.pulls[s.Pull] = b.begin(s)
		return
	}
	at := b.pulls[s.Pull]
	if at.Bar == nil {
		return
	}
	at.last.Store(&s)
	at.SetTotal(s.Total, false)
	at.SetCurrent(s.Completed)
	switch {
	case s.Over && s.Err == nil:
		at.SetTotal(-1, true)
	case s.Over:
		at.Abort(false)
	}
}

// begin draws one more, unless the terminal is gone.
func (b *bars) begin(s app.Step) *bar {
	out := &bar{}
	out.last.Store(&s)
	out.Bar, _ = b.all.Add(0, mpb.BarStyle().Build(),
		mpb.PrependDecorators(decor.Name(clip(s.Pull.String(), b.name), decor.WC{W: b.name, C: decor.DindentRight})),
		mpb.AppendDecorators(
			decor.Any(out.bytes, decor.WC{W: bytesWide}),
			decor.Name("  "),
			decor.Any(out.status, decor.WC{W: statusWide, C: decor.DindentRight}),
		))
	return out
}

// bytes is how much has come, of how much.
func (b *bar) bytes(decor.Statistics) string {
	s := b.last.Load()
	if s.Total == 0 {
		return ""
	}
	return size(s.Completed) + " / " + size(s.Total)
}

// status is what the server has said last, or how it has ended.
func (b *bar) status(decor.Statistics) string {
	s := b.last.Load()
	switch {
	case errors.Is(s.Err, app.ErrStopped):
		return "broken off"
	case s.Err != nil:
		return "failed"
	case s.Over:
		return "pulled"
	}
	return clipEnd(plain(s.Status), statusWide)
}

// end draws the last picture.
func (b *bars) end() { b.all.Wait() }

// clip is at most so many characters of a text, the last ones: there the tag stands, and the server.
func clip(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return "…" + string(r[len(r)-most+1:])
	}
	return text
}

// clipEnd is clip, of the first ones.
func clipEnd(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
