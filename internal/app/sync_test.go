package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
	"gollamas/internal/telemetry"
)

// syncing runs a test in a bubble, with a Sync of what the file's text says.
func syncing(t *testing.T, file string, boxes map[string]ollamatest.Options, test func(t *testing.T, w *world, s *Sync)) {
	t.Helper()
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gollamas.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, "--config", path)
	synctest.Test(t, func(t *testing.T) {
		w := &world{boxes: map[string]*box{}, running: &running{t: t, log: &syncBuffer{}}}
		for host, o := range boxes {
			w.add(host, o)
		}
		a, err := build(cfg, telemetry.NewLogger(w.log, "info"), outside{dial: w.dial, resolve: w.resolve})
		if err != nil {
			t.Fatal(err)
		}
		s := a.Sync(t.Context())
		test(t, w, s)
		s.Close()
		for host, b := range w.boxes {
			b.current().Close()
			b.Close()
			for _, q := range b.Requests() {
				if q.Method == "DELETE" {
					t.Errorf("%s was sent %s %s", host, q.Method, q.URL)
				}
			}
		}
	})
}

// pulled does what the plan says and returns how each pull began and ended, in the order it was told of.
func (s *Sync) pulled(plan Plan) (out []string) {
	s.Pull(plan.Pulls, func(step Step) {
		switch {
		case step.Begun:
			out = append(out, "begun "+step.Pull.String())
		case step.Err != nil:
			out = append(out, "failed "+step.Pull.String()+": "+step.Err.Error())
		case step.Over:
			out = append(out, fmt.Sprintf("done %s: %d of %d", step.Pull, step.Completed, step.Total))
		}
	})
	return out
}

// told is a plan as text, a line for each thing.
func (p Plan) told() (out []string) {
	for _, pull := range p.Pulls {
		out = append(out, "pull "+pull.String())
	}
	for _, s := range p.Stubs {
		out = append(out, "stub "+s.Model+" on "+s.Server)
	}
	for _, d := range p.Differ {
		line := "differ " + d.Model
		for _, c := range d.Copies {
			line += fmt.Sprintf(" %s:%.1s:%s", c.Server, c.Digest, []string{"?", "newest", "older"}[c.Age])
		}
		out = append(out, line)
	}
	for _, err := range p.Unknown {
		out = append(out, err.Error())
	}
	return out
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// dated is a model of a digest of one letter, written down on a day.
func dated(name, letter string, day int) ollamatest.Model {
	m := ollamatest.Model{Name: name, Digest: strings.Repeat(letter, 64)}
	if day > 0 {
		m.Modified = time.Date(1999, 1, day, 0, 0, 0, 0, time.UTC)
	}
	return m
}

// having is a server that has these models.
func having(models ...ollamatest.Model) ollamatest.Options { return ollamatest.Options{Models: models} }

func TestAModelThatARouteNamesIsPulledWhereItIsAbsent(t *testing.T) {
	syncing(t, aAndB+"models: {m: [a, b], 'n:1b': [b], Casey: [a]}\n", map[string]ollamatest.Options{
		"a": having(dated("m", "a", 1), dated("casey", "c", 1)), "b": having(dated("n", "a", 1)),
	}, func(t *testing.T, w *world, s *Sync) {
		plan := s.Plan()
		wantLines(t, plan.told(), "pull m on b", "pull n:1b on b")
		if plan.Routed != 3 {
			t.Errorf("%d routes by name, want 3", plan.Routed)
		}
	})
}

func TestWhereDigestsDifferThePlanSaysWhichIsNewer(t *testing.T) {
	boxes := map[string]ollamatest.Options{
		"a": having(dated("m", "a", 1), dated("n", "a", 1)),
		"b": having(dated("m", "b", 9), dated("n", "a", 9)),
		"c": having(dated("m", "a", 5)),
	}
	file := "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c], n: [a, b]}\n"
	syncing(t, file, boxes, func(t *testing.T, w *world, s *Sync) {
		wantLines(t, s.Plan().told(), "differ m b:b:newest a:a:older c:a:older")
	})
}

func TestADigestIsAsNewAsItsNewestCopy(t *testing.T) {
	boxes := map[string]ollamatest.Options{"a": having(dated("m", "a", 1)), "b": having(dated("m", "b", 5)), "c": having(dated("m", "a", 9))}
	file := "connections: {a: 'http://a.localhost', b: 'http://b.localhost', c: 'http://c.localhost'}\nmodels: {m: [a, b, c]}\n"
	syncing(t, file, boxes, func(t *testing.T, w *world, s *Sync) {
		wantLines(t, s.Plan().told(), "differ m a:a:newest c:a:newest b:b:older")
	})
}

func TestOfDigestsOfOneTimeNoneIsNewer(t *testing.T) {
	syncing(t, aAndB+"models: {m: [a, b]}\n", map[string]ollamatest.Options{"a": having(dated("m", "a", 1)), "b": having(dated("m", "b", 1))}, func(t *testing.T, w *world, s *Sync) {
		wantLines(t, s.Plan().told(), "differ m a:a:? b:b:?")
	})
}

func TestForAPatternNothingIsPulledAndDifferencesAreTold(t *testing.T) {
	boxes := map[string]ollamatest.Options{
		"a": having(dated("qwen3:8b", "a", 1), dated("qwen2", "a", 1), dated("m", "a", 1)),
		"b": having(dated("qwen3:8b", "b", 2), dated("m", "b", 1)),
	}
	syncing(t, aAndB+"models: {'qwen*': [a, b], m: [a]}\n", boxes, func(t *testing.T, w *world, s *Sync) {
		wantLines(t, s.Plan().told(), "differ qwen3:8b b:b:newest a:a:older")
	})
}

func TestAnAliasNeedsNothing(t *testing.T) {
	boxes := map[string]ollamatest.Options{ // what has the alias's name is never asked for
		"a": having(dated("m", "a", 1), dated("gpt", "a", 1)), "b": having(dated("m", "a", 1), dated("gpt", "b", 1)),
	}
	syncing(t, aAndB+"models: {m: {routes: [a, b], aliases: [gpt]}, '*': [a, b]}\n", boxes, func(t *testing.T, w *world, s *Sync) {
		wantLines(t, s.Plan().told())
	})
}

func TestVariantsAndStubsAreNoModels(t *testing.T) {
	stub := ollamatest.Model{Name: "m", RemoteHost: "https://ollama.com:443", RemoteModel: "x"}
	boxes := map[string]ollamatest.Options{
		"a": having(stub, dated("n", "a", 1), dated("gollamas/n:latest-ctx8192-aaaaaaaaaaaa", "c", 1)),
		"b": having(dated("m", "b", 1), dated("n", "a", 1), dated("gollamas/n:latest-ctx8192-aaaaaaaaaaaa", "d", 2)),
	}
	syncing(t, aAndB+"models: {m: [a, b], n: [a, b], '*': [a, b]}\n", boxes, func(t *testing.T, w *world, s *Sync) {
		wantLines(t, s.Plan().told(), "stub m on a")
	})
}

func TestAServerThatDoesNotAnswerIsNamedAndTheRestIsDone(t *testing.T) {
	file := "connections: {a: 'http://a.localhost', gone: 'http://gone.localhost'}\nmodels: {m: [gone, a]}\n"
	syncing(t, file, map[string]ollamatest.Options{"a": {}}, func(t *testing.T, w *world, s *Sync) {
		plan := s.Plan()
		wantLines(t, plan.told(), "pull m on a", "gone does not answer: connection refused")
		wantLines(t, s.pulled(plan), "begun m on a", "done m on a: 1000000 of 1000000")
		wantLines(t, s.Plan().told(), "gone does not answer: connection refused")
	})
}

func TestTwoConnectionsToOneURLAreOneServer(t *testing.T) {
	file := "connections: {a: 'http://a.localhost', again: {url: 'http://a.localhost', parallel: 2}, b: 'http://b.localhost'}\nmodels: {m: [a, again], n: [again]}\n"
	syncing(t, file, map[string]ollamatest.Options{"a": {Pace: time.Second}, "b": {}}, func(t *testing.T, w *world, s *Sync) {
		plan := s.Plan()
		wantLines(t, plan.told(), "pull m on a", "pull n on a")
		wantLines(t, s.pulled(plan), "begun m on a", "done m on a: 1000000 of 1000000", "begun n on a", "done n on a: 1000000 of 1000000")
	})
}

func TestEachAddressOfANameGetsWhatItLacks(t *testing.T) {
	t.Parallel()
	cfg := load(t, "--connection", "farm=dns+http://"+farm, "--proxy", "m=farm")
	synctest.Test(t, func(t *testing.T) {
		w := &world{boxes: map[string]*box{}, running: &running{t: t, log: &syncBuffer{}}}
		w.names = map[string][]netip.Addr{}
		for _, host := range []string{"127.0.0.2", "127.0.0.3"} {
			w.add(host, ollamatest.Options{})
		}
		w.move(nil, "127.0.0.2", "127.0.0.3")
		a, err := build(cfg, telemetry.NewLogger(w.log, "info"), outside{dial: w.dial, resolve: w.resolve})
		if err != nil {
			t.Fatal(err)
		}
		s := a.Sync(t.Context())
		wantLines(t, s.Plan().told(), "pull m on farm/127.0.0.2", "pull m on farm/127.0.0.3")
		s.pulled(s.Plan())
		wantLines(t, s.Plan().told())
		s.Close()
		for _, b := range w.boxes {
			b.current().Close()
			b.Close()
		}
	})
}

func TestAPlanChangesNothing(t *testing.T) {
	syncing(t, twoBoxes, both(ollamatest.Options{}), func(t *testing.T, w *world, s *Sync) {
		s.Plan()
		wait(time.Minute)
		for host, b := range w.boxes {
			for _, q := range b.Requests() {
				if q.Method != "GET" {
					t.Errorf("%s was sent %s %s", host, q.Method, q.URL)
				}
			}
		}
	})
}

func TestServersPullAtTheSameTimeAndEachOneThingAfterAnother(t *testing.T) {
	syncing(t, twoBoxes, both(ollamatest.Options{Pace: 10 * time.Second}), func(t *testing.T, w *world, s *Sync) {
		began := time.Now()
		out := s.pulled(s.Plan())
		if took := time.Since(began); took < 100*time.Second || took > 110*time.Second {
			t.Errorf("two pulls on each of two servers, of 50 s each, took %s", took)
		}
		for _, host := range []string{"a", "b"} {
			var own []string
			for _, line := range out {
				if strings.Contains(line, " on "+host) {
					own = append(own, strings.TrimSuffix(line, ": 1000000 of 1000000"))
				}
			}
			wantLines(t, own, "begun m on "+host, "done m on "+host, "begun n on "+host, "done n on "+host)
			wantAll(t, sent(w.boxes[host], "/api/pull"), "m", "n")
		}
		wantLines(t, s.Plan().told())
	})
}

func TestAPullIsToldOfWhileItIsUnderWay(t *testing.T) {
	syncing(t, aAndB+"models: {m: [a]}\n", map[string]ollamatest.Options{"a": {Pace: time.Second}, "b": {}}, func(t *testing.T, w *world, s *Sync) {
		var so []string
		s.Pull(s.Plan().Pulls, func(step Step) { so = append(so, fmt.Sprintf("%.7s %d/%d", step.Status, step.Completed, step.Total)) })
		for _, want := range []string{" 0/0", "pulling 200000/1000000", "pulling 800000/1000000"} {
			if !slices.Contains(so, want) {
				t.Errorf("%q is missing in %q", want, so)
			}
		}
	})
}

func TestAServerThatFailsInAPullIsNamedAndTheOthersPullOn(t *testing.T) {
	for kind, why := range map[ollamatest.FaultKind]string{ollamatest.Cut: "connection closed", ollamatest.ErrorRecord: "no space left on device"} {
		t.Run(why, func(t *testing.T) {
			syncing(t, twoBoxes, both(ollamatest.Options{Pace: time.Second}), func(t *testing.T, w *world, s *Sync) {
				w.boxes["a"].Fault(ollamatest.Fault{Kind: kind, Path: "/api/pull", Model: "m", After: 3, Body: why})
				out := s.pulled(s.Plan())
				for _, want := range []string{"failed m on a: " + why, "done n on a: 1000000 of 1000000", "done m on b: 1000000 of 1000000", "done n on b: 1000000 of 1000000"} {
					if !slices.Contains(out, want) {
						t.Errorf("%q is missing in\n%s", want, strings.Join(out, "\n"))
					}
				}
				wantLines(t, s.Plan().told(), "pull m on a")
			})
		})
	}
}

func TestAPullThatIsDoneButNotListedHasFailed(t *testing.T) {
	syncing(t, aAndB+"models: {m: [a]}\n", both(ollamatest.Options{}), func(t *testing.T, w *world, s *Sync) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/pull", Status: 200, Body: `{"status":"success"}`})
		wantLines(t, s.pulled(s.Plan()), "begun m on a", "failed m on a: the server says that it has been pulled, but does not list it")
	})
}

func TestWhatIsUnderWayIsBrokenOffWhenASyncEnds(t *testing.T) {
	syncing(t, twoBoxes, both(ollamatest.Options{Pace: time.Minute}), func(t *testing.T, w *world, s *Sync) {
		time.AfterFunc(90*time.Second, s.stop)
		began := time.Now()
		var begun, broken int
		s.Pull(s.Plan().Pulls, func(step Step) {
			if step.Begun {
				begun++
			}
			if errors.Is(step.Err, ErrStopped) {
				broken++
			}
		})
		if took := time.Since(began); begun != 2 || broken != 2 || took > 100*time.Second {
			t.Errorf("%d begun, %d broken off, after %s", begun, broken, took)
		}
	})
}

func TestAServerIsAskedForAStreamOfTheModelByItsName(t *testing.T) {
	syncing(t, aAndB+"models: {'M:latest': [a]}\n", both(ollamatest.Options{}), func(t *testing.T, w *world, s *Sync) {
		s.pulled(s.Plan())
		all := asked(w.boxes["a"].Server, "/api/pull")
		var got map[string]any
		if len(all) != 1 || json.Unmarshal(all[0].Body, &got) != nil || got["model"] != "M" || got["stream"] != true {
			t.Errorf("%d requests, %v", len(all), got)
		}
	})
}

func TestASyncThatIsStoppedAtOnceEnds(t *testing.T) {
	t.Parallel()
	cfg := load(t, "--connection", "a=http://a.localhost", "--proxy", "m=a")
	synctest.Test(t, func(t *testing.T) {
		a, err := build(cfg, telemetry.NewLogger(&syncBuffer{}, "info"), outside{dial: (&world{}).dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		s := a.Sync(ctx)
		if n := len(s.pulled(s.Plan())); n != 0 {
			t.Errorf("%d steps", n)
		}
		s.Close()
	})
}
