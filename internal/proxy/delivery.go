package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// errClient marks a failure to write to the client.
var errClient = errors.New("the client has left")

// A delivery is one answer on its way to the client.
type delivery struct {
	w      http.ResponseWriter
	answer *answer
	ending ollama.Ending
	echo   *ollama.Echo
	out    []byte // echoed bytes, reused
	x      *Exchange
}

// stalledClient is how long a client may take nothing of what is sent to it;
// a server's place is held all the while.
const stalledClient = 10 * time.Minute

// renewal is how often that time is begun anew, so that not every record costs a timer.
const renewal = time.Minute

// run passes the body on: what comes in as one piece goes out as one, at once.
func (d *delivery) run() error {
	flush := http.NewResponseController(d.w)
	defer func() { _ = flush.SetWriteDeadline(time.Time{}) }() // a test's writer may have none
	var renewed, last time.Time
	stream := d.ending.Framing != ollama.JSON
	for {
		p, err := d.answer.next()
		if err == io.EOF {
			return d.rest()
		}
		if err != nil {
			return err
		}
		now := time.Now()
		if now.Sub(renewed) > renewal {
			renewed = now
			_ = flush.SetWriteDeadline(now.Add(stalledClient))
		}
		if stream && !last.IsZero() {
			d.x.Gaps.add(now.Sub(last))
		}
		last = now
		d.ending.Write(p)
		if d.echo != nil {
			d.out = d.echo.Append(d.out[:0], p)
			p = d.out
		}
		if err := d.write(p); err != nil {
			return err
		}
		if stream && d.answer.body.waits() {
			if err := flush.Flush(); err != nil {
				return errClient
			}
		}
	}
}

// rest writes what the echo held back.
func (d *delivery) rest() error {
	if d.echo == nil {
		return nil
	}
	return d.write(d.echo.Rest())
}

func (d *delivery) write(p []byte) error {
	n, err := d.w.Write(p)
	d.x.BytesOut += int64(n)
	if err != nil {
		return errClient
	}
	return nil
}

// settle judges how the answer ended, and tells the client where it ended
// badly: a stream by one more record in its dialect, anything else by breaking off.
func (d *delivery) settle(ctx context.Context, job *Job, err error) (whole bool) {
	switch {
	case errors.Is(err, errClient) || err != nil && left(ctx):
		d.x.Gone = true
		return false
	case err == nil && d.answer.status >= 400:
		d.x.Err = cmp.Or(ollama.ErrorText(d.ending.Tail()), http.StatusText(d.answer.status))
		return true
	case d.ending.Failure() != "":
		d.x.Err = d.ending.Failure()
		return err == nil
	case d.ending.Complete() && (err == nil || d.ending.Framing.Stream()):
		return true // a stream that said it is done is, however its connection ended
	}
	switch {
	case err == nil:
		d.x.Err = "its answer ended before it was complete"
	case ctx.Err() != nil:
		d.x.Err = "its answer was cut: " + ErrStopping.Error()
	default:
		d.x.Err = "its answer broke off: " + fleet.Reason(err)
	}
	if !d.ending.Framing.Stream() {
		return err == nil // done:false in a whole answer: its text is the client's
	}
	d.endHonestly(job, err != nil && ctx.Err() != nil)
	return true
}

// endHonestly ends a stream that was cut with a record of its own, behind whatever half record stands there.
func (d *delivery) endHonestly(job *Job, stopping bool) {
	text := fmt.Sprintf("server %s: %s", d.x.Server, d.x.Err)
	if stopping {
		text = ErrStopping.Error() + ": the answer was cut"
	}
	record := ollama.ErrorRecord(job.Dialect, job.Endpoint, text)
	if d.write(append(d.ending.Gap(), record...)) == nil {
		_ = http.NewResponseController(d.w).Flush() // the exchange has said already what went wrong
	}
}

// outcome is what the answer says about the server, once it is settled.
func (d *delivery) outcome(ctx context.Context, out outcome, err error, stream bool) fleet.Outcome {
	var stall *errStalled
	o := fleet.Outcome{Reason: d.x.Err}
	if stream {
		o.Gap = d.x.Gaps.Max
	}
	switch {
	case d.x.Gone || err != nil && ctx.Err() != nil: // the client has left, or gollamas ends
	case d.answer.status >= 300:
		o.Verdict = out.verdict(d.x.Err)
	case errors.As(err, &stall):
		o.Verdict = fleet.Stalled
	case d.x.Err == "":
		o.Verdict = fleet.Fine
	case d.ending.Failure() != "":
		if ollama.ServerFault(d.ending.Failure()) {
			o.Verdict = fleet.Failed
		}
	default:
		o.Verdict = fleet.Failed
	}
	return o
}
