package admin

import "time"

// A Changing is a pull or a create that is under way on a server.
type Changing struct {
	Server    string // its ID
	What      string // "pull" or "create"
	Model     string
	Since     time.Time
	Status    string // what the server said last
	Total     int64  // bytes, of the layers that the server has spoken of
	Completed int64
	Waiting   int // requests that follow it; it goes on without
}

type changingNow struct {
	Server    string  `json:"server"`
	What      string  `json:"what"`
	Model     string  `json:"model"`
	Seconds   float64 `json:"seconds"`
	Status    string  `json:"status"`
	Total     int64   `json:"total"`
	Completed int64   `json:"completed"`
	Waiting   int     `json:"waiting"`
}

func (a *admin) changing(now time.Time) []changingNow {
	var all []Changing
	if a.Changing != nil {
		all = a.Changing()
	}
	return list(all, func(c Changing) changingNow {
		return changingNow{c.Server, c.What, c.Model, since(c.Since, now), visible(c.Status), c.Total, c.Completed, c.Waiting}
	})
}
