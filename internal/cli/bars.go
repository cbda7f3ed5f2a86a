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
	name  int // columns of the longest
}

// A bar is one pull's.
type bar struct {
	*mpb.Bar
	last atomic.Pointer[app.Step] // what the bar says, whenever it is drawn
}

// said is how many columns there are for what a server says: its longest usual status.
const said = 22

// bytesWide is how many columns "999.9 MB / 999.9 GB" takes.
const bytesWide = 19

func newBars(out io.Writer, all []app.Pull, more ...mpb.ContainerOption) *bars {
	b := &bars{pulls: map[app.Pull]*bar{}}
	for _, p := range all {
		b.name = max(b.name, utf8.RuneCountInString(p.String()))
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

// begin draws one more.
func (b *bars) begin(s app.Step) *bar {
	out := &bar{}
	out.last.Store(&s)
	out.Bar = b.all.AddBar(0,
		mpb.PrependDecorators(decor.Name(s.Pull.String(), decor.WC{W: b.name + 1, C: decor.DindentRight})),
		mpb.AppendDecorators(
			decor.Any(out.bytes, decor.WC{W: bytesWide}),
			decor.Name("  "),
			decor.Any(out.status, decor.WC{W: said, C: decor.DindentRight}),
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
	return clip(plain(s.Status), said)
}

// end draws the last picture.
func (b *bars) end() { b.all.Wait() }

// clip is at most so many characters of a text.
func clip(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
