package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
)

// longestRemoval bounds the removal of one model: only its manifest goes, and what nothing else needs.
const longestRemoval = 30 * time.Second

// Remove has a server delete a model. One that is gone already is no error.
func Remove(ctx context.Context, s *fleet.Server, name string) error {
	ctx, cancel := context.WithTimeout(ctx, longestRemoval)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"model": name}) // strings always encode
	status, answer, err := s.Client().Do(ctx, http.MethodDelete, "/api/delete", body)
	switch {
	case err != nil:
		return fmt.Errorf("%s is not removed from %s: %s", name, s.ID(), fleet.Reason(err))
	case status != http.StatusOK && status != http.StatusNotFound:
		return fmt.Errorf("%s is not removed from %s: status %d: %s", name, s.ID(), status, cmp.Or(ollama.ErrorText(answer), http.StatusText(status)))
	}
	return nil
}
