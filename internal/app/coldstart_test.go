package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
)

const commented = aloneOnA + "cold_start: {comments: 2s}\n"

func TestAClientThatTakesNoCommentIsCutOffAndFreesItsPlace(t *testing.T) {
	file := commented + "load_wait: 2h\n"
	pretend(t, file, map[string]ollamatest.Options{"a": slowly(time.Hour)}, func(t *testing.T, w *world) {
		conn, err := w.door.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := about("m", `"stream":true,`)
		fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		wait(9 * time.Minute)
		if n := w.server(0).InFlight(); n != 1 {
			t.Errorf("after nine minutes %d are in flight", n)
		}
		wait(2 * time.Minute)
		if n := w.server(0).InFlight(); n != 0 {
			t.Errorf("after eleven minutes %d are in flight", n)
			return
		}
		if x := w.last(); !x.Gone || x.Total < 10*time.Minute {
			t.Errorf("%+v", x)
		}
	})
}

func TestWhatAnAnswerHasCostIncludesItsComments(t *testing.T) {
	for what, c := range map[string]struct {
		fault *ollamatest.Fault
		rest  string
	}{
		"a stream": {nil, "data: [DONE]"},
		"an error": {&ollamatest.Fault{Kind: ollamatest.DieLoading, Body: "it cannot be loaded"}, "it cannot be loaded"},
	} {
		t.Run(what, func(t *testing.T) {
			pretend(t, commented, map[string]ollamatest.Options{"a": slowly(9 * time.Second)}, func(t *testing.T, w *world) {
				if c.fault != nil {
					w.boxes["a"].Fault(*c.fault)
				}
				a := w.post("/v1/chat/completions", about("m", `"stream":true,`))
				a.want(t, 200, c.rest)
				if n := strings.Count(a.body, ": waiting"); n != 4 || w.last().BytesOut != int64(len(a.body)) {
					t.Errorf("%d comments, %d bytes counted of %d:\n%s", n, w.last().BytesOut, len(a.body), a.body)
				}
			})
		})
	}
}

func TestCommentsReachClientsOfHTTP2(t *testing.T) {
	pretend(t, commented, map[string]ollamatest.Options{"a": slowly(9 * time.Second)}, func(t *testing.T, w *world) {
		p := &http.Protocols{}
		p.SetUnencryptedHTTP2(true)
		tr := &http.Transport{DialContext: w.door.Dial, Protocols: p}
		defer synctest.Wait()
		defer tr.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://localhost/v1/chat/completions", strings.NewReader(about("m", `"stream":true,`)))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if took := time.Since(began); took > 3*time.Second || res.ProtoMajor != 2 || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("HTTP/%d after %v, %v", res.ProtoMajor, took, res.Header)
		}
		body, err := io.ReadAll(res.Body)
		if text := string(body); err != nil || strings.Count(text, ": waiting for the model\n\n") != 4 || !strings.Contains(text, "data: [DONE]") {
			t.Errorf("%v %s", err, text)
		}
	})
}
