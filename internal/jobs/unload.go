package jobs

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// unloadWithin bounds an unload: Ollama answers it at once, however busy it is.
const unloadWithin = 10 * time.Second

// An Unload is a client's request to have a model leave memory, as it is sent to a server.
type Unload struct {
	Key  string // of the model's name
	Path string
	Body []byte
}

// Unload has a model leave the memory of servers, of all at once, and says which did not do it and why,
// "" = all did. It goes on when ctx ends.
func (l *Loader) Unload(ctx context.Context, servers []*fleet.Server, what Unload) string {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return "gollamas is stopping"
	}
	failed := make([]string, len(servers))
	over := make(chan struct{})
	l.running.Go(func() {
		defer close(over)
		var all sync.WaitGroup
		for i, s := range servers {
			all.Go(func() { failed[i] = l.unload(s, what) })
		}
		all.Wait()
	})
	l.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
		return ""
	}
	var said []string
	for _, text := range failed {
		if text != "" {
			said = append(said, text)
		}
	}
	return strings.Join(said, "; ")
}

// unload asks one server. A model that it has not got is not loaded either.
func (l *Loader) unload(s *fleet.Server, what Unload) string {
	ctx, cancel := context.WithTimeout(l.base, unloadWithin)
	defer cancel()
	status, answer, err := s.Client().Do(ctx, http.MethodPost, what.Path, what.Body)
	why := ""
	switch {
	case err != nil:
		why = fleet.Reason(err)
	case status >= http.StatusBadRequest && status != http.StatusNotFound:
		why = fmt.Sprintf("status %d: %s", status, ollama.ErrorText(answer))
	default:
		s.Unloaded(what.Key)
		return ""
	}
	return fmt.Sprintf("it may still be loaded on %s (%s)", s.ID(), why)
}
