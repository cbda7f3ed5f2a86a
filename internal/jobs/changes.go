package jobs

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// ChangesOptions are what Changes are made of.
type ChangesOptions struct {
	Log *slog.Logger // nil = nobody is told
}

// Changes have servers change what they have installed: pull, create, copy, delete, take in files.
type Changes struct {
	opts ChangesOptions
	crew

	all   []*Change // that are under way, in the order they began
	files []*file   // that were asked for or sent lately, the oldest first
}

// A Wish is a change that one server is to make.
type Wish struct {
	Server *fleet.Server
	Key    string   // of the model's name
	Model  string   // the name, as the server is told it
	Body   []byte   // of the request, which asks for a stream
	Via    []string // each gollamas that the request for it has been through, in fleet.ViaHeader
	Open   bool     // anybody may ask for models of such names: their number is bounded
}

// lastWords is how long a server may take to end an answer that is over.
const lastWords = 5 * time.Second

// Bounds of changes.
const (
	mostPulls   = 32       // on one server at the same time: anybody may ask for them
	mostLine    = 4 << 10  // bytes of one record: some hundred are usual
	mostRefusal = 64 << 10 // bytes that are read of an answer that says no
)

// NewChanges returns Changes that end when Run does.
func NewChanges(o ChangesOptions) *Changes {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Changes{opts: o}
	c.hire()
	return c
}

// Pull has a server pull a model, or joins the pull of it that is under way there; but not one that began elsewhere than
// the request that asks: of two gollamas in a ring each would wait for the other.
func (c *Changes) Pull(w Wish) *Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.all, func(ch *Change) bool {
		return ch.What == "pull" && ch.Server == w.Server && ch.key == w.Key && within(w.Via, ch.via)
	})
	if i >= 0 {
		return c.all[i]
	}
	return c.begin(w, "pull")
}

// Create has a server make a model.
func (c *Changes) Create(w Wish) *Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begin(w, "create")
}

// begin starts a change. The lock is held.
func (c *Changes) begin(w Wish, what string) *Change {
	ch := &Change{Server: w.Server, What: what, Model: w.Model, Since: time.Now(), key: w.Key, via: w.Via, open: w.Open, done: make(chan struct{}), followers: map[chan<- struct{}]bool{}}
	switch {
	case c.closed:
		ch.end(&ChangeError{Text: stopping, Own: true})
		return ch
	case w.Open && c.opened(w.Server) >= mostPulls:
		ch.end(&ChangeError{Status: http.StatusServiceUnavailable, Text: fmt.Sprintf("it has %d pulls under way: wait for one to end", mostPulls), Own: true})
		return ch
	}
	c.all = append(c.all, ch)
	c.running.Go(func() { c.carry(ch, w) })
	return ch
}

// opened is how many are under way on a server that anybody may ask for. The lock is held.
func (c *Changes) opened(s *fleet.Server) (n int) {
	for _, ch := range c.all {
		if ch.Server == s && ch.open {
			n++
		}
	}
	return n
}

const stopping = "gollamas is stopping"

// longestSeen is how long the end of a change waits for the server to be looked at, so that who hears of it finds it listed.
const longestSeen = 2 * time.Second

// carry makes the change, and tells how that went.
func (c *Changes) carry(ch *Change, w Wish) {
	defer ch.Server.Change()()
	err := c.ask(ch, w)
	if err == nil {
		ch.Server.LookNow(c.base, longestSeen)
	} else {
		ch.Server.LookAgain()
	}
	args := []any{"server", ch.Server.ID(), "model", ch.Model, "took", time.Since(ch.Since).Round(time.Millisecond).String()}
	switch {
	case err == nil:
		c.opts.Log.Info(ch.What+" done", args...)
	default:
		c.opts.Log.Warn(ch.What+" failed", append(args, "reason", err.Text)...)
	}
	c.mu.Lock()
	c.all = slices.DeleteFunc(c.all, func(o *Change) bool { return o == ch })
	c.mu.Unlock()
	ch.end(err)
}

// ask sends the request and notes what the server says, to the end.
func (c *Changes) ask(ch *Change, w Wish) *ChangeError {
	ctx, stop := context.WithCancel(c.base)
	defer stop()
	heard := make(chan struct{}, 1)
	ctx, end := hearing(ctx, ch.Server, heard)
	defer end()
	body := ollama.Upload{From: bytes.NewReader(w.Body), Length: int64(len(w.Body)), Type: "application/json"}
	res, err := client(ch.Server, w.Via).Open(ctx, http.MethodPost, "/api/"+ch.What, body)
	if err != nil {
		return c.broken(ctx, 0, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		defer time.AfterFunc(lastWords, stop).Stop()
		return refused(res)
	}
	var last *time.Timer
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, mostLine)
	for lines.Scan() {
		select {
		case heard <- struct{}{}:
		default:
		}
		if err := ch.hear(bytes.TrimSpace(lines.Bytes())); err != nil {
			return err
		}
		if ch.said != nil && ch.What == "pull" && last == nil { // nothing more is to come; of a create there may be
			last = time.AfterFunc(lastWords, stop)
			defer last.Stop()
		}
	}
	switch {
	case ch.said != nil: // what is said is said, however the connection ended
		return nil
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return &ChangeError{Status: http.StatusOK, Text: "what it answers is not Ollama's", Own: true}
	case lines.Err() != nil:
		return c.broken(ctx, http.StatusOK, lines.Err())
	}
	return &ChangeError{Status: http.StatusOK, Text: "its answer ended before it was complete", Own: true}
}

// client asks a server for a request that has been through each of via.
func client(s *fleet.Server, via []string) *ollama.Client {
	c := s.Client()
	if len(via) > 0 {
		c.Header[fleet.ViaHeader] = via
	}
	return c
}

// refused is the answer of a server that says no.
func refused(res *http.Response) *ChangeError {
	answer, _ := io.ReadAll(io.LimitReader(res.Body, mostRefusal)) // as much of it as came
	return &ChangeError{Status: res.StatusCode, Text: said(res.StatusCode, answer), Body: answer, Type: res.Header.Get("Content-Type")}
}

// said is why a server has said no, in its own words where it has some.
func said(status int, answer []byte) string {
	return cmp.Or(ollama.ErrorText(answer), http.StatusText(status), fmt.Sprintf("status %d", status))
}

// hear takes in one line of the answer.
func (c *Change) hear(line []byte) *ChangeError {
	p, failure, ok := ollama.ReadProgress(line)
	switch {
	case failure != "":
		c.said = nil
		return &ChangeError{Status: http.StatusOK, Text: failure}
	case !ok && len(line) > 0:
		return &ChangeError{Status: http.StatusOK, Text: "what it answers is not Ollama's", Own: true}
	case ok:
		raw := bytes.Clone(line)
		c.note(p, raw)
		if c.said = nil; p.Status == ollama.Success {
			c.said = raw
		}
	}
	return nil
}

// broken is the error of a server that cannot be heard.
func (c *Changes) broken(ctx context.Context, status int, err error) *ChangeError {
	why := fleet.Reason(err)
	var quiet *silence
	switch {
	case c.base.Err() != nil:
		why = stopping
	case errors.As(context.Cause(ctx), &quiet):
		why = quiet.Error()
	}
	return &ChangeError{Status: status, Text: why, Own: true}
}

// Changing lists what is under way, the oldest first.
func (c *Changes) Changing() []Changing {
	c.mu.Lock()
	all := slices.Clone(c.all)
	c.mu.Unlock()
	out := make([]Changing, 0, len(all))
	for _, ch := range all {
		out = append(out, ch.Now())
	}
	return out
}

// within says whether all of some are among others.
func within(some, others []string) bool {
	return !slices.ContainsFunc(some, func(v string) bool { return !slices.Contains(others, v) })
}
