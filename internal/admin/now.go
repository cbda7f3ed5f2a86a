package admin

import (
	"fmt"
	"slices"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/route"
)

// A line is who waits already, and how many may, for how long.
type line struct {
	of, all int // for the model, and for any
	length  int
	most    time.Duration
}

func (a *admin) line(key string) line {
	var l line
	l.length, l.most = a.Desk.Limits()
	for _, q := range a.Desk.Queues() {
		l.all += q.Length
		if q.Key == key {
			l.of = q.Length
		}
	}
	return l
}

// now says what would become of a request that came now.
func (l line) now(servers []balance.Verdict) string {
	hope := servers[0].Health // what comes after has less, and is asked only where these have failed
	full := l.all >= l.length
	i := slices.IndexFunc(servers, func(v balance.Verdict) bool {
		return v.Health == hope && v.Free() && (full || !v.Later && v.After == 0)
	})
	switch {
	case i >= 0:
		return asked(servers[i].Server.ID(), hope)
	case !full:
		return fmt.Sprintf("waits for a place: number %d in the queue, for at most %s (queue.wait)", l.of+1, l.most)
	case l.all == 0:
		return "503: every server is busy, and none may wait (queue.length)"
	case l.all == 1:
		return "503: 1 request waits already (queue.length)"
	}
	return fmt.Sprintf("503: %d requests wait already (queue.length)", l.all)
}

// asked says which server is asked, and with what hope.
func asked(id string, hope balance.Health) string {
	switch hope {
	case balance.Unknown:
		return "asked of " + id + ", which nobody has looked at yet"
	case balance.Missing:
		return "asked of " + id + ", though no server that is up lists the model"
	case balance.Broken:
		return "asked of " + id + ", though requests fail there: nothing better is left"
	case balance.Down: // they are asked all the same
		return "502, unless one answers after all: every server is down"
	}
	return "asked of " + id
}

// nobody says what becomes of a request where no server is left to ask.
func nobody(match route.Match, remote bool) string {
	switch {
	case remote:
		return "403: there is only a stub of it, for a model elsewhere"
	case match.Exact():
		return "503: no server of it has been found"
	case len(match.Route.Members()) == 0 && match.Route.Name != "":
		return "404: no server of its route has been found"
	}
	return "404: no server has it"
}
