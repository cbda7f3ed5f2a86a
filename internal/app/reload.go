package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gollamas/internal/admin"
	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/telemetry"
)

// newcomers is how long a reload waits for the first look at servers that it has added: until then nobody knows what they have.
const newcomers = time.Second

// Errors of Reload that are not about the settings.
var (
	errNothingToRead = errors.New("the settings cannot be read again: this program was given them, and not where they stand")
	errOver          = errors.New("gollamas is stopping: the settings are not read again")
)

// A tried is what became of reading the settings again.
type tried struct {
	at              time.Time // of the last try, zero = there was none
	err             error     // what was wrong with it
	reloads, failed int
}

// Reload reads the settings again and puts them in the place of those in use, all of them or none: where anything is wrong,
// the error has a line for it, and nothing has changed. Answers that run go on; connections that are said as before stay, with
// all that is known of their servers. It waits until Run has begun, or ctx ends.
func (a *App) Reload(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case a.asks <- answer:
		select {
		case err := <-answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	case <-a.deaf:
		return errOver
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reloads reads the settings again whenever that is asked for or a file of them has changed, until ctx ends. What is
// new is watched with watch.
func (a *App) reloads(ctx context.Context, wg *sync.WaitGroup) {
	defer close(a.deaf)
	watch := func(added []*fleet.Connection) { wg.Go(func() { fleet.Watch(ctx, added) }) }
	if a.Load != nil && !a.world.unwatched {
		wg.Go(func() { a.lookOut(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case answer := <-a.asks:
			answer <- a.reload(ctx, watch)
		case <-a.seen:
			if a.differs() {
				_ = a.reload(ctx, watch) // it has told the log
			}
		}
	}
}

// reload is Reload in the one goroutine that does it.
func (a *App) reload(ctx context.Context, watch func([]*fleet.Connection)) error {
	before := a.settings()
	s, err := a.again(before)
	t := *a.tried.Load()
	if t.at, t.err = time.Now(), err; err != nil {
		t.failed++
		a.tried.Store(&t)
		a.log.Error("settings not read again: nothing has changed", "reasons", texts(err))
		return err
	}
	t.reloads++
	added := without(s.connections, before.connections)
	watch(added)
	fleet.FirstLook(ctx, added, newcomers)
	a.use(s)
	a.tried.Store(&t)
	a.log.Info("settings read again", s.differs(before)...)
	if len(before.cfg.Keys) > 0 && len(s.cfg.Keys) == 0 {
		a.log.Warn("there are no keys any more: everybody who reaches gollamas may ask")
	}
	a.sayKeys()
	return nil
}

// again reads the settings, and builds what they say.
func (a *App) again(before *settings) (*settings, error) {
	if a.Load == nil {
		return nil, errNothingToRead
	}
	known := a.files.Load().again()
	if err := readable(before.cfg); err != nil {
		return nil, err
	}
	cfg, err := a.Load()
	now := sumsOf(cfg, before.cfg)
	now.take(known) // what has changed since must not look as if it had been read
	a.files.Store(&now)
	a.aim.Ring()
	if err != nil {
		return nil, err
	}
	if wrong := fixed(before.cfg, cfg, a.SetLevel != nil); len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return a.newSettings(cfg, before)
}

// fixed are the settings that differ and cannot change while the program runs.
func fixed(was, is config.Config, level bool) (wrong []error) {
	served := func(c config.Config) string {
		if c.ServerTLS == (config.ServerTLS{}) {
			return "none"
		}
		return c.ServerTLS.Cert
	}
	bad := func(key string, was, is any) {
		wrong = append(wrong, fmt.Errorf("%s: it is %v and cannot become %v while gollamas runs: restart it for that", key, was, is))
	}
	if was.Listen != is.Listen {
		bad("listen", was.Listen, is.Listen)
	}
	if was.Admin != is.Admin {
		bad("admin", off(was.Admin), off(is.Admin))
	}
	if (was.ServerTLS == config.ServerTLS{}) != (is.ServerTLS == config.ServerTLS{}) {
		bad("tls", served(was), served(is))
	}
	if was.MaxConnections != is.MaxConnections {
		bad("max_connections", was.MaxConnections, is.MaxConnections)
	}
	if was.ReadHeader != is.ReadHeader {
		bad("read_header", was.ReadHeader, is.ReadHeader)
	}
	if was.Shared != is.Shared { // there is a password in it
		wrong = append(wrong, errors.New("shared: it cannot change while gollamas runs: restart it for that"))
	}
	if was.Level != is.Level && !level {
		bad("level", was.Level, is.Level)
	}
	return wrong
}

func off(address string) string {
	if address == "" {
		return "off"
	}
	return address
}

// differs says in a few words what has changed, for the log.
func (s *settings) differs(before *settings) []any {
	ids := func(all []*fleet.Connection) (out []string) {
		for _, c := range all {
			out = append(out, c.ID())
		}
		return out
	}
	args := []any{"connections", len(s.connections), "routes", len(s.table.All()), "keys", len(s.cfg.Keys)}
	if added := without(s.connections, before.connections); len(added) > 0 {
		args = append(args, "added", ids(added))
	}
	if gone := without(before.connections, s.connections); len(gone) > 0 {
		args = append(args, "removed", ids(gone))
	}
	return args
}

// texts are an error's lines, each once.
func texts(err error) (out []string) {
	for _, e := range each(err) {
		out = append(out, e.Error())
	}
	return out
}

// readings are what became of reading the settings, for the operator.
func (a *App) readings() admin.Settings {
	t, s := a.tried.Load(), a.settings()
	out := admin.Settings{File: s.cfg.File, Read: s.read, Tried: t.at, Reloads: t.reloads}
	if t.err != nil {
		out.Err = strings.Join(texts(t.err), "\n")
	}
	return out
}

// readingsCounted are the same for metrics.
func (a *App) readingsCounted() telemetry.Settings {
	t := a.tried.Load()
	return telemetry.Settings{Read: a.settings().read, Failed: t.err != nil, Reloads: t.reloads, Failing: t.failed}
}
