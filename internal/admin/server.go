package admin

import (
	"cmp"
	"slices"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// A server is one Ollama as it was last seen, and as requests have found it.
type server struct {
	ID          string      `json:"id"`
	Connection  string      `json:"connection"`
	URL         string      `json:"url"`
	Up          bool        `json:"up"`
	Why         string      `json:"why,omitempty"` // it is not
	Version     string      `json:"version"`
	Looked      time.Time   `json:"last_look,omitzero"` // the last that succeeded
	FailedLooks int         `json:"failed_looks"`       // since
	Breaker     breaker     `json:"breaker"`
	InFlight    int         `json:"in_flight"`
	Others      int         `json:"in_flight_elsewhere,omitempty"` // requests that other replicas have on it
	Parallel    int         `json:"parallel"`                      // 0 = no limit
	Room        room        `json:"room"`
	Installed   []installed `json:"installed"`
	Loaded      []loaded    `json:"loaded"`
	Models      []learned   `json:"models"`
	Notes       []note      `json:"notes"`
}

// A note is something that the operator ought to know.
type note struct {
	Topic string `json:"topic"`
	Text  string `json:"text"`
}

// A breaker keeps requests from what keeps failing.
type breaker struct {
	State    string    `json:"state"` // closed, open or half-open
	Failures int       `json:"failures"`
	Reason   string    `json:"reason,omitempty"`
	Until    time.Time `json:"until,omitzero"`
}

// A room is what is known of a server's memory; 0 = nothing.
type room struct {
	Held    int64 `json:"held"`    // so many bytes of models fit at once
	Refused int64 `json:"refused"` // so many do not
}

type installed struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

type loaded struct {
	Name      string    `json:"name"`
	Digest    string    `json:"digest"`
	Context   int       `json:"context_length"`
	Size      int64     `json:"size"`
	SizeVRAM  int64     `json:"size_vram"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// A learned is what requests have taught of a model on a server.
type learned struct {
	Name     string    `json:"name"`
	InFlight int       `json:"in_flight"`
	Loading  float64   `json:"loading_seconds"` // 0 = no load of ours is under way
	Answered time.Time `json:"last_answer,omitzero"`
	Used     time.Time `json:"last_used,omitzero"`
	NumCtx   int       `json:"num_ctx"` // what the last answered request asked for, 0 = nothing
	residence
	Breaker breaker `json:"breaker"`
	First   times   `json:"first_byte"` // the model loaded and the server idle
	Gap     times   `json:"chunk_gap"`  // the longest of each stream
	Service times   `json:"request"`    // the model loaded and no other request for it
	Load    times   `json:"load"`
}

// A times is what a duration has been lately.
type times struct {
	Seen    int     `json:"seen"` // how often
	Typical float64 `json:"typical_seconds"`
	Slowest float64 `json:"slowest_seconds"`
}

func (a *admin) server(s *fleet.Server, now time.Time) server {
	seen := s.State()
	out := server{
		ID: s.ID(), Connection: s.Connection(), URL: s.URL(), Up: seen.Up, Version: seen.Version,
		Looked: moment(seen.Looked), FailedLooks: seen.Failed, Breaker: newBreaker(s.Breaker(), now),
		InFlight: s.InFlight(), Others: s.Others(), Parallel: s.Parallel(), Room: room(seen.Room),
		Installed: list(seen.Installed, func(m fleet.Model) installed { return installed{m.Listed.Name, m.Digest, m.Size} }),
		Loaded: list(seen.Loaded, func(m fleet.Model) loaded {
			return loaded{m.Listed.Name, m.Digest, m.NumCtx, m.Size, m.SizeVRAM, moment(m.ExpiresAt)}
		}),
		Models: []learned{},
		Notes:  list(s.Notes(), func(n fleet.Note) note { return note(n) }),
	}
	if !seen.Up {
		out.Why = cmp.Or(seen.Err, "not looked at yet")
	}
	s.EachFacts(func(key string, f *fleet.Facts) { out.Models = append(out.Models, a.learned(s, seen, key, f, now)) })
	slices.SortFunc(out.Models, func(x, y learned) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

func newBreaker(b fleet.Breaker, now time.Time) breaker {
	return breaker{b.Name(now), b.Failures, b.Reason, moment(b.Until)}
}

func (a *admin) learned(s *fleet.Server, seen *fleet.State, key string, f *fleet.Facts, now time.Time) learned {
	name := named(seen, key)
	return learned{
		Name: name.Short(), residence: a.residence(s, name, f), InFlight: f.InFlight, Loading: since(f.Loading, now), Answered: moment(f.Answered), Used: moment(f.Used),
		NumCtx: f.Last.NumCtx, Breaker: newBreaker(f.Breaker, now),
		First: newTimes(f.First), Gap: newTimes(f.Gap), Service: newTimes(f.Service), Load: newTimes(f.Load),
	}
}

func newTimes(l fleet.Learned) times { return times{l.N, seconds(l.Typical), seconds(l.Slowest)} }

// named is a model's name as the server spells it, or what its key says.
func named(seen *fleet.State, key string) ollama.Name {
	if m := seen.Has(key); m != nil {
		return m.Name
	}
	n, _ := ollama.ParseName(key) // keys are made of names
	return n
}
