package route

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
)

// seen starts a pretend server with models, some of them loaded, and has it looked at.
func seen(t *testing.T, id string, load string, models ...ollamatest.Model) *fleet.Connection {
	t.Helper()
	s, err := ollamatest.Start(ollamatest.Options{Models: models})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if load != "" {
		loads(t, s.URL(), load)
	}
	u, _ := url.Parse(s.URL())
	c := fleet.Fixed(fleet.Options{ID: id, URL: u})
	look(t, c)
	return c
}

func look(t *testing.T, c *fleet.Connection) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); fleet.Watch(ctx, []*fleet.Connection{c}) }()
	fleet.FirstLook(ctx, []*fleet.Connection{c}, 10*time.Second)
	stop()
	<-done
	if !c.Servers()[0].State().Up {
		t.Fatal(c.Servers()[0].State().Err)
	}
}

func ids(members []balance.Member) string {
	var out []string
	for _, m := range members {
		out = append(out, m.Server.ID())
	}
	return strings.Join(out, " ")
}

func TestWhichServersMayHaveAModel(t *testing.T) {
	a := seen(t, "a", "", ollamatest.Model{Name: "m"}, ollamatest.Model{Name: "qwen3", RemoteHost: "https://ollama.com", RemoteModel: "qwen3"})
	b := seen(t, "b", "loose", ollamatest.Model{Name: "qwen3"}, ollamatest.Model{Name: "loose"}, ollamatest.Model{Name: "qwen-loose"})
	never := fleet.Fixed(fleet.Options{ID: "never", URL: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}})
	to := func(all ...*fleet.Connection) (out []To) {
		for _, c := range all {
			out = append(out, To{Connection: c})
		}
		return out
	}
	table, err := New([]Model{{Name: "m", To: to(a, b, never)}, {Name: "qwen*", To: to(a, b, never)}, {Name: "only*", To: to(a)}}, []Alias{{"gpt", "m"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, running := range []bool{false, true} {
		if running {
			table.AllowRunning([]*fleet.Connection{a, b}, "in-order")
		}
		for name, want := range map[string]struct {
			found   bool
			members string
			remote  bool
		}{
			"m":       {true, "a b never", false}, // an exact name: what the last look saw may be out of date
			"GPT":     {true, "a b never", false},
			"qwen3":   {true, "b never", true}, // a stub is not asked; who was never seen may have it
			"qwen4":   {true, "never", false},
			"only-x":  {true, "", false},
			"loose":   {running, "b", false},
			"unknown": {false, "", false},
		} {
			m, ok := lookup(t, table, name)
			if ok != want.found {
				t.Errorf("running %v: %s: found %v", running, name, ok)
			}
			if !ok {
				continue
			}
			if members, remote := m.Members(); ids(members) != want.members || remote != want.remote {
				t.Errorf("running %v: %s: %q %v, want %q %v", running, name, ids(members), remote, want.members, want.remote)
			}
		}
	}
	if got := len(table.Servers()); got != 3 {
		t.Errorf("%d servers, each once", got)
	}
}

// loads has a server load a model.
func loads(t *testing.T, url, model string) {
	t.Helper()
	res, err := http.Post(url+"/api/generate", "application/json", strings.NewReader(`{"model":"`+model+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

func TestModelsThatDifferUnderOneNameAreFound(t *testing.T) {
	model := func(name, digest string) ollamatest.Model {
		return ollamatest.Model{Name: name, Digest: strings.Repeat(digest, 64)}
	}
	a := seen(t, "a", "", model("m", "1"), model("same", "1"), model("unrouted", "1"), model("qwen3", "1"))
	b := seen(t, "b", "", model("m", "2"), model("same", "1"), model("unrouted", "2"), model("qwen3", "2"))
	c := seen(t, "c", "", model("M:latest", "1"))
	all := []To{{Connection: a}, {Connection: b}, {Connection: c}}
	table, err := New([]Model{{Name: "m", To: all}, {Name: "same", To: all}, {Name: "qwen*", To: all}, {Name: "absent", To: all}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := table.Mixed()
	if len(got) != 2 || got[0].Model != "m:latest" || got[1].Model != "qwen3:latest" {
		t.Fatalf("%+v", got)
	}
	if on := got[0].Digests[strings.Repeat("1", 64)]; strings.Join(on, " ") != "a c" || len(got[0].Digests) != 2 {
		t.Errorf("%+v", got[0])
	}
}
