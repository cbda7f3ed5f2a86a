package jobs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// unloadWithin bounds an unload: Ollama answers it at once, however busy it is. Once one server has done it,
// the others are waited for no longer than lastUnloads.
const (
	unloadWithin = 10 * time.Second
	lastUnloads  = time.Second
)

// An Unload is a client's request to have a model leave memory, as it is sent to a server.
type Unload struct {
	Key  string // of the model's name
	Path string
	Body []byte
}

// An unloaded is what has come of one on a server.
type unloaded struct {
	server *fleet.Server
	why    string // it failed, "" = it did not
}

// Unload has a model leave the memory of servers, of all at once. It says how many have done it, and which have not
// and why, "" = all have. It goes on when ctx ends.
func (l *Loader) Unload(ctx context.Context, servers []*fleet.Server, what Unload) (done int, failed string) {
	heard := make(chan unloaded, len(servers))
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return 0, "gollamas is stopping"
	}
	for _, s := range servers {
		l.running.Go(func() { heard <- unloaded{s, l.unload(s, what)} })
	}
	l.mu.Unlock()
	left, late := slices.Clone(servers), time.NewTimer(unloadWithin)
	defer late.Stop()
	var said []string
	for len(left) > 0 {
		select {
		case u := <-heard:
			left = slices.DeleteFunc(left, func(s *fleet.Server) bool { return s == u.server })
			if u.why != "" {
				said = append(said, still(u.server, u.why))
			} else if done++; done == 1 {
				late.Reset(lastUnloads)
			}
			continue
		case <-late.C:
		case <-ctx.Done():
		}
		for _, s := range left {
			said = append(said, still(s, "it has not answered yet"))
		}
		break
	}
	slices.Sort(said)
	return done, strings.Join(said, "; ")
}

// longestWhy is how much of a server's word is passed on.
const longestWhy = 200

func still(s *fleet.Server, why string) string {
	return fmt.Sprintf("it may still be loaded on %s (%s)", s.ID(), clip(why))
}

// unload asks one server, and says why it has failed. A model that it has not got is not loaded either.
func (l *Loader) unload(s *fleet.Server, what Unload) string {
	ctx, cancel := context.WithTimeout(l.base, unloadWithin)
	defer cancel()
	status, answer, err := s.Client().Do(ctx, http.MethodPost, what.Path, what.Body)
	switch {
	case err != nil:
		return fleet.Reason(err)
	case status >= http.StatusMultipleChoices && status != http.StatusNotFound:
		return fmt.Sprintf("status %d: %s", status, ollama.ErrorText(answer))
	}
	s.Unloaded(what.Key)
	return ""
}
