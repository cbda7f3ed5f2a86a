package proxy

import (
	"fmt"
	"net"
	"time"

	"gollamas/internal/fleet"
)

// A patience says how long nothing may come from a server. It costs no timer
// per record: the connection's read deadline wakes it every now and then, and it looks whether anything came.
type patience struct {
	conn  net.Conn
	turn  *fleet.Turn   // nil = it waits as long as it takes
	what  string        // that is waited for, and the setting that bounds it
	first bool          // that is the first byte
	bound time.Duration // 0 = none
	lost  bool          // do not wait for a server that has not answered the watch for long
	since time.Time     // when something last came, as far as it was looked
	got   uint64        // how much had come then
	again bool          // it is judged; one more read shows whether something lies there already
}

// glance is how often it looks, or four times within its bound.
const glance = 5 * time.Second

// lostSilence is how long nothing may come from a server that does not answer the watch.
const lostSilence = 15 * time.Second

// lastRead is how long the read takes that must find nothing before a server is given up.
const lastRead = 50 * time.Millisecond

// errStalled is a server that sends nothing any more.
type errStalled struct{ why string }

func (e *errStalled) Error() string { return e.why }

// begin waits for something new from now on.
func (p *patience) begin(got uint64) {
	p.since, p.got = time.Now(), got
	p.wake(p.since)
}

func (p *patience) wake(now time.Time) {
	pause := glance
	if p.bound > 0 {
		pause = min(pause, p.bound/4)
	}
	_ = p.conn.SetReadDeadline(now.Add(pause)) // a connection that is closed says so when it is read
}

// end waits as long as it takes.
func (p *patience) end() {
	if p.conn != nil {
		_ = p.conn.SetReadDeadline(time.Time{})
	}
	p.turn = nil
}

// more says whether to go on waiting; nil = yes. It is asked when the deadline has passed.
func (p *patience) more(got uint64) error {
	now := time.Now()
	if got != p.got {
		p.got, p.since, p.again = got, now, false
		p.turn.Heard(now)
	}
	silent, bound := now.Sub(p.since), p.bound
	if p.first && bound > 0 && silent >= bound {
		bound = p.turn.FirstAtMost(bound)
	}
	if bound > 0 && silent >= bound {
		if !p.again { // a read whose time has passed takes nothing, and a slow client may have kept us from reading before
			p.again = true
			_ = p.conn.SetReadDeadline(now.Add(lastRead))
			return nil
		}
		return &errStalled{fmt.Sprintf("no %s for %s", p.what, round(silent))}
	}
	if p.lost && silent >= lostSilence {
		if state := p.turn.Server.State(); state.Lost() {
			return &errStalled{fmt.Sprintf("no %s for %s, and it does not answer at all (%s)", p.what, round(silent), state.Err)}
		}
		if p.first && p.turn.Stuck() {
			return &errStalled{fmt.Sprintf("no %s for %s, and a request that came before has stalled", p.what, round(silent))}
		}
	}
	p.wake(now)
	return nil
}

func round(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
