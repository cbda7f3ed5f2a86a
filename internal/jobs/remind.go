package jobs

import (
	"context"
	"errors"
	"time"

	"gollamas/internal/fleet"
)

// renewal bounds a request that only says how long a loaded model is to stay. It is answered at once, unless
// the model has just left: then it is a load, and better finished.
const renewal = 5 * time.Minute

// Renew says again how long a model that is loaded is to stay, with exactly what it was loaded with.
func (l *Loader) Renew(ctx context.Context, what Load) error {
	ctx, cancel := context.WithTimeout(ctx, renewal)
	defer cancel()
	if err := l.ask(ctx, what); err != nil {
		return err
	}
	what.Server.Renewed(what.Key, what.kept(), time.Now())
	return nil
}

// Remind says how long a model is to stay before a request that cannot say it, where something else was
// said last. It does not wait: Ollama takes the word for it whenever it comes before the request's end.
func (l *Loader) Remind(what Load) {
	if !what.Keep.Said() || what.Server.Facts(what.Key).Kept == what.kept() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{what.Server, what.Key}
	if l.closed || l.reminding[at] {
		return
	}
	l.reminding[at] = true
	l.running.Go(func() {
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.reminding, at)
		}()
		var load *fleet.LoadError
		if err := l.Renew(l.base, what); errors.As(err, &load) {
			l.opts.Log.Debug("keep_alive could not be said", "model", what.Name, "server", what.Server.ID(), "reason", load.Error())
		}
	})
}
