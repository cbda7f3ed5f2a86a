package e2e

import (
	"net/http"
	"strings"
	"testing"
)

func TestAnAnswerNamesItsServerAndItsRequest(t *testing.T) {
	onEachFleet(t, func(t *testing.T, f *fleet) {
		for model, want := range map[string]string{"tiny-chain": "a", alias: "a", "tiny-tools": "b"} {
			body := strings.NewReader(`{"model":"` + model + `","prompt":"hello"}`)
			req, err := http.NewRequestWithContext(limited(t), http.MethodPost, f.url+"/api/generate", body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Request-Id", "mine-7")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got, id := res.Header.Get("X-Gollamas-Server"), res.Header.Get("X-Request-Id"); got != want || id != "mine-7" {
				t.Errorf("%s: server %q, request %q", model, got, id)
			}
		}
	})
}

func TestAClientsKeyAndHostGoNoFurther(t *testing.T) {
	onPretendFleet(t, func(t *testing.T, f *fleet) {
		onEachSpeaker(t, func(t *testing.T, s speaker) {
			s.asked(t, f.url, question{model: "tiny-chain", stream: true})
			got := lastTo(f.a.pretend, s.path)
			if "http://"+got.Host != f.a.url {
				t.Errorf("the server was asked for the host %q", got.Host)
			}
			for _, name := range []string{"Authorization", "X-Api-Key", "Origin", "Accept-Encoding"} {
				if got.Header[name] != nil {
					t.Errorf("the server was sent %s", name)
				}
			}
			if got.Header.Get("User-Agent") == "" {
				t.Error("the server was sent no User-Agent")
			}
		})
	})
}
