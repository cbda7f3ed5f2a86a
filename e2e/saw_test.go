package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"gollamas/internal/ollamatest"
)

// A saw is a server that answers every POST with the first bytes of one answer it has kept, and
// then tears the connection.
type saw struct {
	server http.Handler
	whole  atomic.Pointer[httptest.ResponseRecorder]
	after  atomic.Int64 // bytes, 0 = the answer is the server's own, and kept
}

func (s *saw) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	after := s.after.Load()
	switch {
	case r.Method != http.MethodPost || isLoad(r):
		s.server.ServeHTTP(w, r)
	case after == 0:
		kept := httptest.NewRecorder()
		s.server.ServeHTTP(kept, r)
		s.whole.Store(kept)
		_, _ = w.Write(kept.Body.Bytes()) // nobody reads it
	default:
		whole := s.whole.Load()
		w.Header().Set("Content-Type", whole.Header().Get("Content-Type"))
		_, _ = w.Write(whole.Body.Bytes()[:after]) // the connection is torn in any case
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// isLoad says whether a request is gollamas' own, which has a model loaded before one is sent that a client waits for.
func isLoad(r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return err == nil && r.URL.Path == "/api/generate" && !bytes.Contains(body, []byte(`"prompt"`))
}

// nearLine says whether a line begins or ends beside this byte: there the most can go wrong.
func nearLine(b []byte, at int) bool {
	return bytes.IndexByte(b[max(0, at-3):min(len(b), at+3)], '\n') >= 0
}

// startSaw starts a saw whose one model says three words, and gollamas in front of it.
func startSaw(t *testing.T) (s *saw, direct, through string) {
	t.Helper()
	options := pretendOptions(t, []string{"tiny-chain"})
	options.Models[0].Words = chainWords[:3]
	pretend := ollamatest.New(options)
	t.Cleanup(pretend.Close)
	s = &saw{server: pretend}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL, serve(t, []string{"tiny-chain"}, "--connection", "only="+web.URL, "--proxy", "*=only", "--alias", alias+"=tiny-chain")
}

// keep lets the saw keep what it will cut from now on, and returns it.
func (s *saw) keep(t *testing.T, direct string, sp speaker) []byte {
	t.Helper()
	s.after.Store(0)
	_, _ = sp.ask(limited(t), direct, question{model: "tiny-chain", stream: true}) // what the library makes of it does not matter
	return s.whole.Load().Body.Bytes()
}

func TestAStreamThatIsCutAtAnyByteIsAnErrorInEveryLibrary(t *testing.T) {
	t.Parallel()
	s, direct, through := startSaw(t)
	onEachSpeaker(t, func(t *testing.T, sp speaker) {
		whole := s.keep(t, direct, sp)
		for i, model := range []string{"tiny-chain", alias} {
			for after := 1; after < len(bytes.TrimRight(whole, "\n")); after++ {
				if after%5 != i && !nearLine(whole, after) {
					continue
				}
				s.after.Store(int64(after))
				if _, err := sp.ask(limited(t), through, question{model: model, stream: true}); err == nil {
					t.Errorf("cut behind %q: the library takes the answer for whole", whole[max(0, after-60):after])
				}
			}
		}
	})
}

// Where only whole lines came, nothing of the error is lost among them.
func TestAStreamThatIsCutBehindALineSaysWhy(t *testing.T) {
	t.Parallel()
	s, direct, through := startSaw(t)
	onEachSpeaker(t, func(t *testing.T, sp speaker) {
		whole := s.keep(t, direct, sp)
		for after := 1; after < len(bytes.TrimRight(whole, "\n")); after++ {
			if whole[after-1] != '\n' {
				continue
			}
			s.after.Store(int64(after))
			_, err := sp.ask(limited(t), through, question{model: "tiny-chain", stream: true})
			if _, text := told(err); text != "server only: its answer broke off: connection closed" {
				t.Errorf("cut behind %q: told %q: %v", whole[max(0, after-60):after], text, err)
			}
		}
	})
}
