package jobs

import (
	"context"
	"net/http"
	"sync"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// each does something for all servers at the same time, and waits.
func each(servers []*fleet.Server, do func(i int, s *fleet.Server)) {
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { do(i, s) })
	}
	wg.Wait()
}

// upload posts one body to several servers through one read of it. The error is that of reading it.
func (c *Changes) upload(ctx context.Context, path string, servers []*fleet.Server, from ollama.Upload, via []string) ([]Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	defer context.AfterFunc(c.base, cancel)()
	out := make([]Outcome, len(servers))
	stop := make(map[*sink]context.CancelCauseFunc, len(servers))
	p := &pump{}
	p.open.Store(int64(len(servers)))
	p.slow = func(s *sink) { stop[s](&silence{"taken", longestStall}) }
	var wg sync.WaitGroup
	for i, server := range servers {
		s := newSink()
		p.sinks = append(p.sinks, s)
		own, end := context.WithCancelCause(ctx)
		stop[s] = end
		wg.Go(func() {
			defer end(nil)
			defer func() {
				_ = s.Close()
				if p.open.Add(-1) == 0 && !p.whole.Load() && from.Enough != nil {
					from.Enough()
				}
			}()
			out[i] = c.post(own, path, server, s, from, via)
			if out[i].Status == http.StatusCreated && !p.whole.Load() {
				out[i] = Outcome{Server: server, Why: "it answered before it had the file"}
			}
		})
	}
	watching.Go(func() { p.watch(ctx) })
	err := p.run(ctx, from.From)
	if p.open.Load() == 0 && !p.whole.Load() { // they have all answered before it was read
		err = nil
	}
	if err != nil {
		cancel() // whatever the servers make of a part, it is not the file
	}
	wg.Wait()
	return out, err
}

// post sends one server its share of the upload and reads its answer.
func (c *Changes) post(ctx context.Context, path string, s *fleet.Server, body *sink, from ollama.Upload, via []string) Outcome {
	ctx, end := hearing(ctx, s, body.heard)
	defer end()
	from.From = body
	res, err := client(s, via).Open(ctx, http.MethodPost, path, from)
	if err != nil {
		return Outcome{Server: s, Why: c.broken(ctx, 0, err).Text}
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusCreated {
		return Outcome{Server: s, Done: true, Status: res.StatusCode, Note: clip(res.Header.Get("X-Gollamas-Note"))}
	}
	no := refused(res)
	return Outcome{Server: s, Status: no.Status, Why: no.Text, Body: no.Body, Type: no.Type}
}
