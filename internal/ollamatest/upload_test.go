package ollamatest

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An upload that a fault cuts short is answered, or not, with a part of it taken and nothing kept.
func TestUploadFaults(t *testing.T) {
	path := "/api/blobs/sha256:" + strings.Repeat("a", 64)
	for _, c := range []struct {
		fault Fault
		text  string // "" = there is no answer
	}{
		{Fault{Kind: Full, After: 3}, "-partial: no space left on device"},
		{Fault{Kind: Full, Body: "the quota is used up", Path: path}, "the quota is used up"},
		{Fault{Kind: Jam, After: 3}, ""},
	} {
		faulty(t, c.fault, func(b *box) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			defer b.Stop()
			got := b.postIn(ctx, path, "GGUF and more")
			if c.text != "" && (got.status != http.StatusInternalServerError || !strings.Contains(got.text, c.text)) || c.text == "" && got.err == nil {
				t.Errorf("%+v: %d %s %v", c.fault, got.status, got.text, got.err)
			}
			if _, ok := b.holds(strings.Repeat("a", 64)); ok {
				t.Errorf("%+v: a part was kept", c.fault)
			}
		})
	}
}
