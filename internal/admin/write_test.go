package admin

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestATimeThatJSONCannotHoldIsLeftOut(t *testing.T) {
	for _, said := range []string{"9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00+14:00"} {
		at, err := time.Parse(time.RFC3339, said)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		object(w, loaded{Name: "m", ExpiresAt: moment(at)})
		if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, `"name": "m"`) || strings.Contains(body, "expires_at") {
			t.Errorf("%s: %d %q", said, w.Code, body)
		}
	}
	if last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC); !moment(last).Equal(last) {
		t.Errorf("%v", moment(last))
	}
}

func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	w := httptest.NewRecorder()
	object(w, map[string]any{"fine": 1, "worse": json.Number("no number")})
	if w.Code != 500 || !strings.Contains(w.Body.String(), "no number") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
}
