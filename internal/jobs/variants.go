package jobs

import (
	"context"

	"gollamas/internal/fleet"
)

// Variants are models that gollamas makes on servers, so that requests which cannot say num_ctx get it.
type Variants struct{}

// Ready makes sure of a model's variant on a server, and waits for it. It is false where the server
// will have none.
func (v *Variants) Ready(ctx context.Context, s *fleet.Server, key string, numCtx int) bool {
	return false
}

// Name is the name of a model's variant on a server, "" where there is none.
func (v *Variants) Name(s *fleet.Server, key string, numCtx int) string { return "" }

// Refused says that a server will not have a variant of the model.
func (v *Variants) Refused(s *fleet.Server, key string, numCtx int) bool { return true }

// Lost notes that a server has not got a variant which it was thought to have.
func (v *Variants) Lost(s *fleet.Server, key string, numCtx int) {}

// Unsay puts the model's own name in the place of its variant's, in the text of an error.
func (v *Variants) Unsay(text []byte, variant, own string) []byte { return text }
