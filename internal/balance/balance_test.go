package balance

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"gollamas/internal/fleet"
	"gollamas/internal/ollama"
	"gollamas/internal/ollamatest"
)

func TestInOrderAsksFirstWhoHasItAndLastWhoIsDown(t *testing.T) {
	pretend := func(models ...string) *ollamatest.Server {
		var o ollamatest.Options
		for _, m := range models {
			o.Models = append(o.Models, ollamatest.Model{Name: m})
		}
		s, err := ollamatest.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		return s
	}
	down, without, with, also := pretend("m"), pretend(), pretend("m"), pretend("M:latest")
	down.Stop()
	var servers []*fleet.Server
	for id, s := range map[string]string{"down": down.URL(), "without": without.URL(), "with": with.URL(), "also": also.URL()} {
		u, _ := url.Parse(s)
		servers = append(servers, fleet.New(fleet.Options{ID: id, URL: u}))
	}
	unseen := servers // nobody has looked yet: the operator's order stands
	if got := ids(InOrder(unseen, "k")); got != ids(servers) {
		t.Errorf("unseen servers are asked in the order %s, want %s", got, ids(servers))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); fleet.Watch(ctx, servers, slog.New(slog.DiscardHandler)) }()
	fleet.FirstLook(ctx, servers, 10*time.Second)
	stop()
	<-done
	n, _ := ollama.ParseName("m")
	got := ids(InOrder(servers, n.Key()))
	if !strings.HasSuffix(got, " without down") || len(got) != len("with also without down") {
		t.Errorf("asked in the order %s", got)
	}
}

func ids(servers []*fleet.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, s.ID())
	}
	return strings.Join(out, " ")
}
