package admin

import (
	"net/http"
	"time"
)

// Settings say what became of reading the settings.
type Settings struct {
	File    string    // "" = none was named
	Read    time.Time // when those in use were read
	Tried   time.Time // when they were last read again, be it in vain; zero = they were not
	Err     string    // why that came to nothing, "" = it did not
	Reloads int       // how often new ones have come into use
}

// A settings is the same as it is shown.
type settings struct {
	File    string    `json:"file"`
	Read    time.Time `json:"read_at,omitzero"`
	Tried   time.Time `json:"last_try,omitzero"`
	Err     string    `json:"error"`
	Reloads int       `json:"reloads"`
}

func (a *admin) settings() *settings {
	if a.Settings == nil {
		return nil
	}
	now := a.Settings()
	return &settings{now.File, moment(now.Read), moment(now.Tried), now.Err, now.Reloads}
}

// reload has the settings read again. What is wrong with them is in the answer, a line each.
func (a *admin) reload(w http.ResponseWriter, r *http.Request) {
	if a.Reload == nil {
		text(w, http.StatusNotFound, "the settings cannot be read again here")
		return
	}
	if err := a.Reload(r.Context()); err != nil {
		if a.stopping() {
			text(w, http.StatusServiceUnavailable, "gollamas is stopping: the settings are not read again")
			return
		}
		answer(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
		return
	}
	answer(w, http.StatusOK, struct {
		Reloaded bool      `json:"reloaded"`
		Settings *settings `json:"settings"`
	}{true, a.settings()})
}
