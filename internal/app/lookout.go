package app

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Changes of files come in several pieces: they are dealt with once nothing has come for calm, or restless after the first.
const (
	calm     = 250 * time.Millisecond
	restless = 2 * time.Second
)

// due is how long to wait behind a piece that comes now, where the first of them came then.
func due(first, now time.Time) time.Duration {
	return max(min(calm, first.Add(restless).Sub(now)), 0)
}

// A lookout watches the directories of files. A file itself is not to be watched: editors and Kubernetes put another in its place.
type lookout struct {
	app     *App
	eyes    *fsnotify.Watcher
	entries map[string]bool // paths that matter
	told    map[string]bool // directories of which it was told that they cannot be watched
}

// lookOut rings a.seen when files of the settings may have changed, until ctx ends. What it cannot watch is a
// warning and nothing else: there are other ways to have them read again.
func (a *App) lookOut(ctx context.Context) {
	eyes, err := fsnotify.NewWatcher()
	if err != nil {
		a.blind("", err)
		return
	}
	defer eyes.Close()
	l := &lookout{a, eyes, nil, map[string]bool{}}
	l.aim()
	a.seen.Ring() // for what happened before
	l.run(ctx)
}

func (l *lookout) run(ctx context.Context) {
	var first time.Time // of pieces that are not dealt with, zero = there are none
	timer := time.NewTimer(restless)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.app.aim: // other files may be named: what has happened to them before is found by looking
			l.aim()
			l.app.seen.Ring()
		case e := <-l.eyes.Events:
			if l.entries[filepath.Clean(e.Name)] {
				first = began(first, time.Now())
				timer.Reset(due(first, time.Now()))
			}
		case <-l.eyes.Errors: // something was missed
			first = began(first, time.Now())
			timer.Reset(due(first, time.Now()))
		case <-timer.C:
			first = time.Time{}
			l.aim()
			l.app.seen.Ring()
		}
	}
}

func began(first, now time.Time) time.Time {
	if first.IsZero() {
		return now
	}
	return first
}

// aim watches the directories in which something may happen to the files that the settings name now, and no others.
func (l *lookout) aim() {
	dirs := map[string]bool{}
	l.entries = map[string]bool{}
	for path := range *l.app.files.Load() {
		for _, entry := range way(path) {
			l.entries[entry] = true
			dirs[filepath.Dir(entry)] = true
		}
	}
	maps.Copy(l.entries, dirs) // a directory that is taken away is told of by its own name
	for _, dir := range l.eyes.WatchList() {
		if !dirs[dir] {
			_ = l.eyes.Remove(dir) // it may be gone
		}
	}
	for dir := range dirs {
		if slices.Contains(l.eyes.WatchList(), dir) {
			continue
		}
		if err := l.eyes.Add(dir); err != nil && !l.told[dir] {
			l.told[dir] = true
			l.app.blind(dir, err)
		}
	}
}

func (a *App) blind(dir string, err error) {
	a.log.Warn("changes of the settings' files are not noticed: SIGHUP or POST /api/reload has them read again", "directory", dir, "reason", err.Error())
}
