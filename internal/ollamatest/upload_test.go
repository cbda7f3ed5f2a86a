package ollamatest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
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

// What is cut off on its way is not kept, under no digest.
func TestAPartOfAnUploadIsNotKept(t *testing.T) {
	for _, part := range []string{"GG", "GGUF and"} {
		bubble(t, Options{}, func(b *box) {
			sum := fmt.Sprintf("%x", sha256.Sum256([]byte(part)))
			from := io.MultiReader(strings.NewReader(part), iotest.ErrReader(errors.New("the client leaves")))
			req, err := http.NewRequest("POST", "http://localhost/api/blobs/sha256:"+sum, from)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.client.Do(req); err == nil {
				t.Error("there is an answer")
			}
			synctest.Wait()
			if _, ok := b.holds(sum); ok {
				t.Errorf("%q was kept", part)
			}
		})
	}
}
