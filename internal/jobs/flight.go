package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// handOver is how long a load waits, once the one in front of it is over, for those who came for that to be
// answered. In so long they have all asked, and Ollama takes no model from under a request.
const handOver = 2 * time.Second

// fly has the server load the model, behind what it loads for others, and tells how that went.
func (l *Loader) fly(f *flight, before *flight) {
	l.queue(before)
	if l.unwanted(f) {
		f.loading.Dropped()
		return
	}
	began := time.Now()
	done := LoadDone{Server: f.what.Server, Key: f.what.Key}
	done.Load, done.Fault = f.loading.Sent(began)
	err := l.ask(l.base, f.what)
	took := time.Since(began)
	if done.Took, done.Err = took, err; l.opts.Loaded != nil {
		l.opts.Loaded(done)
	}
	var load *fleet.LoadError
	switch {
	case err == nil:
		f.loading.Done(time.Now(), f.what.kept())
		l.tell(f, took)
	case errors.Is(err, errRefused):
		f.loading.Dropped()
		err = nil
	case errors.As(err, &load):
		outcome := load.Outcome()
		if f.what.Own && load.Status == http.StatusInternalServerError { // its options may just have been too much
			outcome.Verdict = fleet.Neutral
		}
		f.loading.Failed(time.Now(), outcome)
		l.opts.Log.Warn("load failed", "model", f.what.Name, "server", f.what.Server.ID(), "took", took.Round(time.Millisecond), "reason", load.Error())
	default:
		f.loading.Dropped()
	}
	l.land(f, err)
}

// tell says that a model is loaded; whoever waits for it says so in a line of their own.
func (l *Loader) tell(f *flight, took time.Duration) {
	l.mu.Lock()
	alone := f.born && f.waiting == 0
	l.mu.Unlock()
	level, text := slog.LevelDebug, "loaded"
	if alone {
		level, text = slog.LevelInfo, "loaded, though nobody waits for it any more"
	}
	l.opts.Log.Log(context.Background(), level, text, "model", f.what.Name, "server", f.what.Server.ID(), "took", took.Round(time.Millisecond))
}

// queue waits until a load does not come too early for those who wait for the one in front, nil = there is none.
func (l *Loader) queue(before *flight) {
	if before == nil {
		return
	}
	select {
	case <-before.done:
	case <-l.base.Done():
		return
	}
	timer := time.NewTimer(handOver)
	defer timer.Stop()
	select {
	case <-before.settled:
	case <-timer.C:
	case <-l.base.Done():
	}
}

// unwanted says that nobody waits any more for a load that has not been sent yet: it is not begun only to be finished.
func (l *Loader) unwanted(f *flight) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !f.born || f.waiting > 0 {
		return false
	}
	l.down(f, context.Canceled) // nobody can join it any more
	return true
}

// errRefused is a server's finding fault with the request.
var errRefused = errors.New("refused")

// leastKept is how long a model must stay for those who wait to find it.
const leastKept = 10 * time.Second

// keep is the keep_alive that a load says.
func (w Load) keep() rewrite.Rule[rewrite.KeepAlive] {
	k := w.Keep
	if k.Said() && k.Value == 0 {
		k.Value = rewrite.KeepAlive(leastKept)
	}
	return k
}

// kept is the same as fleet has it.
func (w Load) kept() time.Duration { return time.Duration(w.keep().Value) }

// ask has the server load the model: with /api/generate, or /api/embed where it does not talk.
func (l *Loader) ask(ctx context.Context, w Load) error {
	body := rewrite.Load(w.Name, w.keep(), w.Runner)
	mute := l.knownToEmbed(w)
	if mute && w.Talks {
		return errRefused
	}
	if w.Embeds || mute {
		return l.post(ctx, w, "/api/embed", body)
	}
	err := l.post(ctx, w, "/api/generate", body)
	var said *muteError
	if errors.As(err, &said) {
		l.noteEmbeds(w)
		if w.Talks {
			return errRefused
		}
		return l.post(ctx, w, "/api/embed", body)
	}
	return err
}

// A muteError is a server's word that a model does not talk.
type muteError struct{ error }

func (e *muteError) Unwrap() error { return e.error }

// knownToEmbed says whether a model is known to make vectors only.
func (l *Loader) knownToEmbed(w Load) bool {
	have := w.Server.State().Has(w.Key)
	if have == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	digest, noted := l.embeds[place{w.Server, w.Key}]
	return have.Embeds || noted && digest == have.Digest
}

func (l *Loader) noteEmbeds(w Load) {
	if have := w.Server.State().Has(w.Key); have != nil { // so that what is kept is bounded by what there is
		l.mu.Lock()
		defer l.mu.Unlock()
		maps.DeleteFunc(l.embeds, func(at place, _ string) bool { return at.server.Left() })
		l.embeds[place{w.Server, w.Key}] = have.Digest
	}
}

// post sends one request that loads, and waits for its answer as long as there is hope for one.
func (l *Loader) post(base context.Context, w Load, path string, body []byte) error {
	ctx, cancel := context.WithCancelCause(base)
	defer cancel(nil)
	connected := false
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected = true }})
	watched := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(watched)
		l.lose(over, w, cancel)
	}()
	client := w.Server.Client()
	if len(w.Via) > 0 {
		client.Header[fleet.ViaHeader] = w.Via
	}
	status, answer, err := client.Do(traced, http.MethodPost, path, body)
	close(over)
	<-watched
	var stall *stalled
	switch {
	case errors.As(context.Cause(ctx), &stall):
		return &fleet.LoadError{Text: stall.why, Stalled: true}
	case base.Err() != nil:
		return base.Err()
	case err != nil:
		return &fleet.LoadError{Text: fleet.Reason(err), Unsent: !connected, Ours: !connected && fleet.Ours(err)}
	case status < http.StatusMultipleChoices:
		return nil
	}
	text := ollama.ErrorText(answer)
	switch {
	case failing(status):
		return &fleet.LoadError{Status: status, Text: cmp.Or(text, http.StatusText(status))}
	case status == http.StatusBadRequest && strings.Contains(text, "does not support generate"):
		return &muteError{errRefused}
	}
	return errRefused
}

// failing says that an answer tells of the server, and not of what it was asked.
func failing(status int) bool {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// A stalled is why a load is not waited for any longer.
type stalled struct{ why string }

func (s *stalled) Error() string { return s.why }

// How often a load that takes long is looked at, and how long a server that answers no look may say nothing.
const (
	glance      = 5 * time.Second
	lostSilence = 15 * time.Second
)

// lose gives a load up where its server is gone without a word, or takes longer than anything may.
func (l *Loader) lose(over <-chan struct{}, w Load, give func(error)) {
	began := time.Now()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case now := <-tick.C:
			silent := now.Sub(began).Round(time.Second)
			if most := time.Duration(l.stall.Load()); most > 0 && silent >= most {
				give(&stalled{fmt.Sprintf("no first token for %s", silent)})
				return
			}
			if state := w.Server.State(); (w.Spare || w.Server.Left()) && silent >= lostSilence && state.Lost() {
				give(&stalled{fmt.Sprintf("no first token for %s, and it does not answer at all (%s)", silent, state.Err)})
				return
			}
		}
	}
}
