package app

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// reached is what servers were asked besides looks.
func (w *world) reached() (all []string) {
	for host, b := range w.boxes {
		for _, q := range b.Requests() {
			if q.Method != "GET" {
				all = append(all, host+": "+q.Method+" "+q.URL)
			}
		}
	}
	return all
}

// ask sends whatever request, with fields as names and values in turn.
func (w *world) ask(method, path string, body io.Reader, length int64, fields ...string) reply {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://localhost"+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.ContentLength = length
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	return roundTrip(req, w.door, io.Discard)
}

func TestWithoutManageNothingThatChangesServersReachesOne(t *testing.T) {
	file := strings.Replace(trioFile, "manage: true\n", "", 1)
	pretend(t, file, trio(), func(t *testing.T, w *world) {
		wait(interval)
		looks := w.looks()
		digest := "sha256:" + strings.Repeat("a", 64)
		for _, c := range []struct{ method, path, body string }{
			{"POST", "/api/create", `{"model":"made","from":"base"}`},
			{"POST", "/api/create", `{"model":"made","from":"base","remote_host":"http://far.example"}`},
			{"POST", "/api/copy", `{"source":"base","destination":"made"}`},
			{"DELETE", "/api/delete", `{"model":"base"}`},
			{"POST", "/api/push", `{"model":"base"}`},
			{"POST", "/api/blobs/" + digest, "x"},
			{"HEAD", "/api/blobs/" + digest, ""},
			{"POST", "/api/me", ""},
			{"POST", "/api/delete/", ""}, // no such endpoint
		} {
			got := w.ask(c.method, c.path, strings.NewReader(c.body), int64(len(c.body)))
			if c.path == "/api/delete/" {
				if got.status == 200 {
					t.Errorf("%s: %d", c.path, got.status)
				}
				continue
			}
			named := strings.HasPrefix(got.body, `{"error":"`+strings.TrimSuffix(c.path, digest)) && strings.Contains(got.body, "--manage (GOLLAMAS_MANAGE, manage: true)")
			if got.status != 403 || c.method != "HEAD" && !named {
				t.Errorf("%s %s: %d %s %v", c.method, c.path, got.status, got.body, got.err)
			}
			if ct := got.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
				t.Errorf("%s %s: %q", c.method, c.path, ct)
			}
		}
		if all := w.reached(); len(all) > 0 || w.looks() != looks {
			t.Errorf("servers were asked: %v; %d looks before and %d after", all, looks, w.looks())
		}
	})
}

// looks is how many requests servers have had, of which none changes them.
func (w *world) looks() (n int) {
	for _, b := range w.boxes {
		n += len(b.Requests())
	}
	return n
}

func TestWithoutManageABodyOfGigabytesIsNotRead(t *testing.T) {
	file := strings.Replace(trioFile, "manage: true\n", "", 1)
	pretend(t, file, trio(), func(t *testing.T, w *world) {
		for _, path := range []string{"/api/blobs/sha256:" + strings.Repeat("a", 64), "/api/create", "/api/push"} {
			for _, length := range []int64{-1, 5 << 30} {
				body := &endless{}
				got := w.ask("POST", path, io.NopCloser(body), length)
				if got.status != 403 || !strings.Contains(got.body, "--manage") {
					t.Errorf("%s: %d %s %v", path, got.status, got.body, got.err)
				}
				if x := w.last(); x.BytesIn > 0 || body.read.Load() > 1<<20 {
					t.Errorf("%s: %d bytes were read of the %d that the client gave", path, x.BytesIn, body.read.Load())
				}
			}
		}
		if all := w.reached(); len(all) > 0 {
			t.Errorf("servers were asked: %v", all)
		}
	})
}

func TestWithoutManageNobodyNamesAServer(t *testing.T) {
	file := strings.Replace(trioFile, "manage: true\n", "", 1)
	pretend(t, file, trio(), func(t *testing.T, w *world) {
		looks := w.looks()
		for _, id := range []string{"b", "nowhere"} {
			for _, c := range []struct{ method, path, body string }{
				{"GET", "/api/tags", ""}, {"HEAD", "/api/tags", ""}, {"GET", "/api/ps", ""},
				{"POST", "/api/show", `{"model":"base"}`}, {"POST", "/api/pull", `{"model":"m"}`}, {"POST", "/api/create", `{"model":"made","from":"base"}`},
			} {
				got := w.ask(c.method, c.path, strings.NewReader(c.body), int64(len(c.body)), "X-Gollamas-Server", id)
				if got.status != 403 || c.method != "HEAD" && (!strings.HasPrefix(got.body, `{"error":"`) || !strings.Contains(got.body, "--manage")) {
					t.Errorf("%s %s at %s: %d %s %v", c.method, c.path, id, got.status, got.body, got.err)
				}
			}
			big := &endless{}
			got := w.ask("POST", "/api/pull", io.NopCloser(big), 5<<30, "X-Gollamas-Server", id)
			if got.status != 403 || big.read.Load() > 1<<20 {
				t.Errorf("%d %s after %d bytes", got.status, got.body, big.read.Load())
			}
		}
		if all := w.reached(); len(all) > 0 || w.looks() != looks {
			t.Errorf("servers were asked: %v", all)
		}
		w.talkOf(t, "b") // elsewhere it is a field like any other
	})
}

// talkOf has a chat with a field that names a server, where that counts for nothing.
func (w *world) talkOf(t *testing.T, id string) {
	t.Helper()
	for _, b := range w.boxes {
		b.Install(ollamatest.Model{Name: "m"})
	}
	wait(interval)
	body := about("m", `"stream":false,`)
	got := w.ask("POST", "/api/chat", strings.NewReader(body), int64(len(body)), "X-Gollamas-Server", id)
	if got.status != 200 || got.header.Get("X-Gollamas-Server") != "a" {
		t.Errorf("%d by %q: %s", got.status, got.header.Get("X-Gollamas-Server"), got.body)
	}
}

// A configured model is pulled all the same.
func TestWithoutManageAConfiguredModelIsPulled(t *testing.T) {
	file := strings.Replace(trioFile, "manage: true\n", "", 1)
	pretend(t, file, trio(), func(t *testing.T, w *world) {
		from := time.Now()
		w.post("/api/pull", pullM).wantFinal(t, `{"status":"success"}`)
		w.wantModel("m", "a b c", "a b c")
		w.post("/api/pull", `{"model":"base"}`).want(t, 403, `\"base\" has none`)
		if took := time.Since(from); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		if n := w.count("/api/pull"); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}
