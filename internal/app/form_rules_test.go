package app

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestSoundGetsTheContextOfARuleByTheQuery(t *testing.T) {
	const path = "/v1/audio/transcriptions"
	asked := "?model=" + url.QueryEscape(ofOld)
	for _, c := range []struct{ query, form, want string }{
		{"", "m", asked},
		{"", "gpt", asked},
		{"?language=en&x=a%20b", "gpt", asked + "&language=en&x=a%20b"},
		{"?model=gpt&language=en", "m", asked + "&model=gpt&language=en"},
		{"?a=1&model=M", "none", asked + "&a=1&model=M"},
	} {
		t.Run(c.query+" "+c.form, func(t *testing.T) {
			form, contentType := transcription(t, c.form)
			pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
				req, err := http.NewRequestWithContext(t.Context(), "POST", "http://localhost"+path+c.query, strings.NewReader(form))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", contentType)
				roundTrip(req, w.door, io.Discard).want(t, 200, `"text"`)
				if last := lastPost(w.boxes["a"].Server); last.URL != path+c.want || string(last.Body) != form {
					t.Errorf("it became %s, want %s; the form unchanged: %v", last.URL, path+c.want, string(last.Body) == form)
				}
				if all := w.boxes["a"].Loads(); len(all) != 1 || all[0].NumCtx != 8192 {
					t.Errorf("%+v", all)
				}
			})
		})
	}
}
