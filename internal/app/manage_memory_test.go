package app

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
)

// swallower is a server that has nothing and takes uploads, of which it counts the bytes.
func swallower(t *testing.T, n *atomic.Int64) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"version":"0.33.0","models":[]}`)
	})
	mux.HandleFunc("HEAD /", http.NotFound)
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 64<<10))
		if n.Add(got); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// allocated is how many bytes the process has ever asked for.
func allocated() int64 {
	all := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(all)
	return int64(all[0].Value.Uint64())
}

// What is never asked for is never held: of a file there is a window in memory, however large it is. This process is
// the client and both servers as well.
func TestAnUploadTakesNoMoreMemoryTheLargerItIs(t *testing.T) {
	const size, most = 256 << 20, 24 << 20
	for name, length := range map[string]int64{"in chunks": -1, "with its length": size} {
		t.Run(name, func(t *testing.T) {
			var got atomic.Int64
			r := start(t, "--manage", "--connection", "a="+swallower(t, &got), "--connection", "b="+swallower(t, &got), "--proxy", "m=a", "--proxy", "m=b")
			block := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
			body := io.LimitReader(&again{block: block}, size)
			req, err := http.NewRequestWithContext(t.Context(), "POST", r.url+"/api/blobs/sha256:"+strings.Repeat("a", 64), body)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			before := allocated()
			res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if took := allocated() - before; took > most {
				t.Errorf("%d MiB took %d bytes of memory, more than %d", size>>20, took, most)
			}
			if res.StatusCode != 201 || got.Load() != 2*size {
				t.Errorf("status %d, %d bytes came of %d for each", res.StatusCode, got.Load(), size)
			}
		})
	}
}

// again reads the same block, again and again.
type again struct{ block []byte }

func (a *again) Read(b []byte) (int, error) { return copy(b, a.block), nil }
