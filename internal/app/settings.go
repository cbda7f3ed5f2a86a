package app

import (
	"crypto/tls"
	"errors"
	"time"

	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/jobs"
	"gollamas/internal/keys"
	"gollamas/internal/rewrite"
	"gollamas/internal/route"
)

// A settings is what one reading of the settings has made. It never changes: a reload puts another one in its place.
type settings struct {
	cfg         config.Config
	connections []*fleet.Connection // as cfg has them
	links       []link              // how each of those is said
	table       *route.Table
	rules       *rewrite.Rules // none cost nothing
	residents   []jobs.Resident
	names       map[string]string // what the operator calls models, by their keys
	pair        *tls.Certificate  // to serve with, nil = plain HTTP
	keys        *keys.Ring        // nil = everybody may ask
	read        time.Time
}

// settings are those in use.
func (a *App) settings() *settings { return a.using.Load() }

// newSettings builds and checks everything that cfg says, and changes nothing that is in use. What before, nil = nothing,
// has the same way is taken from there.
func (a *App) newSettings(cfg config.Config, before *settings) (*settings, error) {
	s := &settings{cfg: cfg, read: time.Now()}
	var none, wrong error
	s.pair, wrong = serverPair(cfg.ServerTLS)
	if s.connections, s.links, none = a.connect(cfg, before); none != nil || wrong != nil {
		return nil, errors.Join(each(wrong, none)...)
	}
	var err error
	if s.table, err = newTable(cfg, s.connections); err != nil {
		return nil, err
	}
	if len(cfg.KeepAlive)+len(cfg.NumCtx) > 0 {
		if s.rules, err = rewrite.NewRules(cfg.KeepAlive, cfg.NumCtx); err != nil {
			return nil, err
		}
	}
	s.residents, s.names = residents(cfg, s.connections, s.table, s.rules), operatorsNames(s.table)
	s.keys, err = keys.NewRing(cfg.Keys, before.ring(), together(a.shared)) // last: limits are those of keys in use too
	return s, err
}

func (s *settings) ring() *keys.Ring {
	if s == nil {
		return nil
	}
	return s.keys
}

// each is every error there is, those that were joined singly.
func each(all ...error) (out []error) {
	for _, err := range all {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			out = append(out, joined.Unwrap()...)
		} else if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// use puts settings in the place of those in use, all at once.
func (a *App) use(s *settings) {
	before := a.using.Swap(s)
	a.doors.Store(a.open(s))
	for i, c := range s.connections {
		c.Change(s.cfg.Connections[i].Parallel, paceOf(s.cfg))
	}
	a.desk.Limit(s.cfg.Queue.Length, s.cfg.Queue.Wait)
	a.loader.SetStall(s.cfg.Stall.FirstToken)
	if a.SetLevel != nil {
		a.SetLevel(s.cfg.Level)
	}
	a.keeper.Change(s.cfg.Ping, s.connections, s.residents)
	for _, c := range without(before.connections, s.connections) {
		c.Leave()
	}
	a.desk.Dispatch() // who waits may have more to choose from, or less
}

// without are those of all that are not among others.
func without(all, others []*fleet.Connection) (out []*fleet.Connection) {
	there := map[*fleet.Connection]bool{}
	for _, c := range others {
		there[c] = true
	}
	for _, c := range all {
		if !there[c] {
			out = append(out, c)
		}
	}
	return out
}
