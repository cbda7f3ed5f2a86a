package gateway

import (
	"bytes"
	"net/url"
	"testing"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/route"
)

// deciding is a gateway with routes for models; no server of them is ever dialled.
func deciding(t testing.TB, aliases []route.Alias, models ...string) *Gateway {
	t.Helper()
	var routes []route.Model
	for _, m := range models {
		u, _ := url.Parse("http://host-of-a-model:11434")
		routes = append(routes, route.Model{Name: m, Balance: "in-order", To: []route.To{{Connection: fleet.Fixed(fleet.Options{ID: m, URL: u})}}})
	}
	table, err := route.New(routes, aliases)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{Table: table, Desk: balance.NewDesk(1, time.Second), Origins: NewOrigins("", true), MaxBody: 1 << 20})
}

// endpointOf is the endpoint of a POST.
func endpointOf(t testing.TB, g *Gateway, path string) *Endpoint {
	t.Helper()
	found := g.Find("POST", path, "", "", "localhost")
	if found.Answer != nil {
		t.Fatalf("%s: %d", path, found.Answer.Status)
	}
	return found.Endpoint
}

func TestDecidingNeedsPlainValuesOnly(t *testing.T) {
	g := deciding(t, []route.Alias{{Name: "gpt", Model: "llama3.2"}}, "llama3.2", "qwen3:8b")
	body := []byte(`{"model":"GPT","x":1}`)
	d := g.Decide(Ask{Endpoint: endpointOf(t, g, "/api/chat"), Target: "/api/chat?ts=1", Body: body})
	if d.Answer != nil || d.Asked != "GPT" || d.Job.Asked != "GPT" || d.Job.Target != "/api/chat?ts=1" || d.Model != "llama3.2" {
		t.Fatalf("%+v %+v", d, d.Job)
	}
	turn, err := d.Job.Next(t.Context(), fleet.HopeAll)
	if err != nil || turn.Server.ID() != "llama3.2" {
		t.Fatalf("%+v: %v", turn, err)
	}
	as := d.Job.For(turn.Server)
	sent := as.Body
	if got := string(bytes.Join(sent, nil)); got != `{"model":"llama3.2","x":1}` || as.Model != "llama3.2" {
		t.Errorf("sent %s", got)
	}
	if &sent[0][0] != &body[0] {
		t.Error("the body was copied")
	}
}

// FuzzDecide holds that nothing a client can send makes deciding fail: there is
// an answer or a job, never both, and a job goes to a server of the model asked for.
func FuzzDecide(f *testing.F) {
	for _, body := range []string{`{"model":"llama3.2"}`, `{"model":"gpt"}`, `{"name":"x"}`, `[]`, `{`, `{"model":"llama3.2:cloud"}`, `{"model":"x:local:cloud"}`, "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt\r\n--b--\r\n"} {
		f.Add([]byte(body), "model=gpt", "multipart/form-data; boundary=b")
	}
	g := deciding(f, []route.Alias{{Name: "gpt", Model: "llama3.2"}}, "llama3.2", "qwen*")
	f.Fuzz(func(t *testing.T, body []byte, query, contentType string) {
		for i := range endpoints {
			e := &endpoints[i]
			d := g.Decide(Ask{Endpoint: e, Target: e.Path, Segment: query, Query: query, ContentType: contentType, Body: body})
			ways := 0
			for _, is := range []bool{d.Answer != nil, d.Job != nil, d.Wait != nil} {
				if is {
					ways++
				}
			}
			if ways != 1 {
				t.Fatalf("%s %q: answer %v job %v wait %t", e.Path, body, d.Answer, d.Job, d.Wait != nil)
			}
			if d.Job != nil {
				turn, err := d.Job.Next(t.Context(), fleet.HopeAll)
				if err != nil || turn == nil {
					t.Fatalf("%s %q: a job without servers: %v", e.Path, body, err)
				}
				d.Job.For(turn.Server)
				turn.End(time.Now(), fleet.Outcome{})
			}
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	g := deciding(b, nil, "llama3.2", "qwen3:8b")
	ask := Ask{Endpoint: endpointOf(b, g, "/api/chat"), Target: "/api/chat",
		Body: []byte(`{"model":"llama3.2","messages":[{"role":"user","content":"hello there"}],"stream":false}`)}
	b.ReportAllocs()
	for b.Loop() {
		if d := g.Decide(ask); d.Job == nil {
			b.Fatal(d)
		}
	}
}
