package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/balance"
	"gollamas/internal/config"
	"gollamas/internal/fleet"
	"gollamas/internal/ollamatest"
	"gollamas/internal/rewrite"
)

// A shape is a fleet and what is asked of it. Sizes are in GB.
type shape struct {
	name     string
	memory   []int64 // of each server
	parallel []int   // its places, which are also the pretend server's OLLAMA_NUM_PARALLEL
	models   []int64 // what each takes, on disk and loaded; which is popular is drawn
	busy     float64 // the part of all places that would be taken, were every model loaded everywhere

	rules     []rewrite.Scoped[int] // of num_ctx
	unguarded bool                  // servers are chosen whatever they have a model loaded with
}

// usual is the simulation of the issue. A gaming card, two workstations, a server and a
// large one; the models fit the fleet once, with little to spare, and the largest holds
// half of them. So where a model is loaded matters.
var usual = shape{
	name:     "usual",
	memory:   []int64{16, 24, 24, 48, 96},
	parallel: []int{2, 3, 3, 4, 4},
	models:   []int64{2, 3, 4, 5, 8, 9, 12, 14, 20, 24, 32, 40},
	busy:     0.5,
}

// The workload's other figures.
const (
	simulated  = requestsInAll
	remembered = 2000            // requests and loads of a server; it never has as many loads
	pace       = time.Second     // a token: few and slow ones cost the simulation little
	fewest     = 2               // tokens an answer has
	most       = 7               // and so it takes 4.5 s on average
	inBursts   = 0.2             // the part of the requests that come in bursts
	burst      = 20              // requests for one model, spread over a second
	diskRate   = 2               // GB a second, for loading: a good disk
	startTakes = 2 * time.Second // for a runner to start, on top
)

func loadTime(size int64) time.Duration {
	return startTakes + time.Duration(size/diskRate)*time.Second
}

func simName(model int) string { return fmt.Sprintf("model-%02d", model) }

// An asking is one request of the workload.
type asking struct {
	at     time.Duration
	model  int
	tokens int
	numCtx int // 0 = it says nothing of it
}

// askings draws the workload. Single requests come as a Poisson process, for models as
// popular as Zipf's law has it (the n-th a n-th as often as the first), whatever their
// size. Bursts come as another, for any model alike: a batch job does not mind what is popular.
func (s shape) askings(seed uint64) []asking {
	r := rand.New(rand.NewPCG(seed, 0))
	places := 0
	for _, p := range s.parallel {
		places += p
	}
	service := float64(fewest+most) / 2 * pace.Seconds()
	rate := s.busy * float64(places) / service // a second
	rank := r.Perm(len(s.models))
	popular := make([]float64, len(s.models))
	for i := range popular {
		popular[i] = 1 / float64(rank[i]+1)
	}
	out := make([]asking, 0, simulated)
	add := func(at float64, model int) {
		out = append(out, asking{at: time.Duration(at * float64(time.Second)), model: model, tokens: fewest + r.IntN(most-fewest+1)})
	}
	at := 0.0
	for range int(simulated * (1 - inBursts)) {
		at += r.ExpFloat64() / (rate * (1 - inBursts))
		add(at, drawn(r, popular))
	}
	for end := at; len(out) < simulated; {
		from, model := r.Float64()*end, r.IntN(len(s.models))
		for range burst {
			add(from+r.Float64(), model)
		}
	}
	slices.SortStableFunc(out, func(a, b asking) int { return cmp.Compare(a.at, b.at) })
	return out[:simulated]
}

// drawn is an index, each as likely as its weight.
func drawn(r *rand.Rand, weights []float64) int {
	sum := 0.0
	for _, w := range weights {
		sum += w
	}
	x := r.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// A told is what one run of the simulation has shown.
type told struct {
	policy  string
	firsts  []time.Duration // to the first byte, sorted
	loads   int
	reloads int
	failed  []string
	unfair  []string // when a server was idle while a queue held more than its share
	took    time.Duration
}

func (o *told) quantile(q float64) time.Duration {
	if len(o.firsts) == 0 {
		return 0
	}
	return o.firsts[int(q*float64(len(o.firsts)-1))]
}

func (o *told) per1000() float64 { return float64(o.loads) * 1000 / simulated }

func (o *told) String() string {
	return fmt.Sprintf("%-13s %8.1f %8d %10s %10s %10s %7d %7d", o.policy, o.per1000(), o.reloads,
		o.quantile(.5).Round(100*time.Millisecond), o.quantile(.95).Round(100*time.Millisecond), o.quantile(1).Round(100*time.Millisecond),
		len(o.failed), len(o.unfair))
}

// table is what the simulation prints.
func table(s shape, seed uint64, all map[string]*told) string {
	var b strings.Builder
	fmt.Fprintf(&b, "shape %s, seed %d\n%-13s %8s %8s %10s %10s %10s %7s %7s\n", s.name, seed,
		"policy", "loads/k", "reloads", "p50", "p95", "slowest", "failed", "unfair")
	for _, name := range balance.Names {
		fmt.Fprintln(&b, all[name])
	}
	return b.String()
}

// A simulation is the whole program, its servers and its clients, in time of their own.
type simulation struct {
	shape
	app    *App
	boxes  []*ollamatest.Server
	front  *ollamatest.Pipes
	client *http.Client
	mu     sync.Mutex
	told   *told
	long   map[string]bool // server and model where the last look found a queue too long
}

// simulate runs the workload under a policy. It is to be called in a bubble.
func simulate(t *testing.T, s shape, policy string, all []asking) *told {
	sim := &simulation{shape: s, front: ollamatest.NewPipes(), told: &told{policy: policy}}
	stop := sim.start(t, policy)
	transport := &http.Transport{DialContext: sim.front.Dial, DisableCompression: true, MaxIdleConnsPerHost: 1000}
	sim.client = &http.Client{Transport: transport}
	watching, enough := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() { sim.watch(watching) })
	start := time.Now()
	var clients sync.WaitGroup
	for _, a := range all {
		time.Sleep(a.at - time.Since(start))
		clients.Go(func() { sim.ask(t.Context(), a) })
	}
	clients.Wait()
	sim.told.took = time.Since(start)
	enough()
	watch.Wait()
	transport.CloseIdleConnections()
	stop()
	sim.count()
	return sim.told
}

// start starts the servers and the program, and waits until each server was looked at.
func (sim *simulation) start(t *testing.T, policy string) (stop func()) {
	cfg := sim.config(policy)
	cfg.NumCtx = sim.rules
	listeners := map[string]*ollamatest.Pipes{}
	for i := range sim.memory {
		l := ollamatest.NewPipes()
		listeners[cfg.Connections[i].URL.Host] = l
		box := ollamatest.New(sim.server(i))
		go func() { _ = box.Serve(l) }()
		sim.boxes = append(sim.boxes, box)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return listeners[address].Dial(ctx, network, address)
	}
	a, err := build(cfg, slog.New(slog.DiscardHandler), outside{dial: dial, unguarded: sim.unguarded})
	if err != nil {
		t.Fatal(err)
	}
	sim.app = a
	ctx, signal := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- a.Run(ctx, context.Background(), sim.front) }()
	fleet.FirstLook(t.Context(), a.settings().connections, time.Minute)
	return func() {
		signal()
		if err := <-over; err != nil {
			t.Error(err)
		}
		for _, box := range sim.boxes {
			box.Close()
		}
	}
}

// server is one pretend server.
func (sim *simulation) server(i int) ollamatest.Options {
	o := ollamatest.Options{Memory: sim.memory[i] << 30, Parallel: sim.parallel[i], Pace: pace, Remember: remembered}
	for n, size := range sim.models {
		o.Models = append(o.Models, ollamatest.Model{Name: simName(n), Size: size << 30, Load: loadTime(size)})
	}
	return o
}

// config routes every model to every server. Requests may wait as long as they have
// to: where a policy drowns, that shows in their times and not in how many were refused.
func (sim *simulation) config(policy string) config.Config {
	cfg := config.Config{
		Balance: policy, MaxBody: 1 << 20, Watch: 5 * time.Second, Drain: time.Minute, ReadHeader: 10 * time.Second,
		Queue: config.Queue{Length: simulated, Wait: 24 * time.Hour}, LoadWait: 24 * time.Hour,
	}
	var routes []config.Route
	for i, parallel := range sim.parallel {
		u := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", i+1)}
		cfg.Connections = append(cfg.Connections, config.Connection{ID: fmt.Sprintf("server-%d", i), URL: u, Parallel: parallel})
		routes = append(routes, config.Route{Connection: i, Weight: 1})
	}
	for n := range sim.models {
		cfg.Models = append(cfg.Models, config.Model{Name: simName(n), Routes: routes})
	}
	return cfg
}

// ask sends one request and reads its answer to the end.
func (sim *simulation) ask(ctx context.Context, a asking) {
	began := time.Now()
	first, err := sim.answer(ctx, a, began)
	sim.mu.Lock()
	defer sim.mu.Unlock()
	if err != nil {
		sim.told.failed = append(sim.told.failed, err.Error())
		return
	}
	sim.told.firsts = append(sim.told.firsts, first)
}

// answer says how long the first byte has taken.
func (sim *simulation) answer(ctx context.Context, a asking, began time.Time) (first time.Duration, err error) {
	context := ""
	if a.numCtx > 0 {
		context = fmt.Sprintf(`,"num_ctx":%d`, a.numCtx)
	}
	body := fmt.Sprintf(`{"model":"%s","prompt":"x","options":{"num_predict":%d%s}}`, simName(a.model), a.tokens, context)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/api/generate", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	res, err := sim.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var one [1]byte
	_, err = io.ReadFull(res.Body, one[:])
	first = time.Since(began)
	rest, err2 := io.ReadAll(res.Body)
	if err := errors.Join(err, err2); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK || !bytes.Contains(rest, []byte(`"done":true`)) {
		return 0, fmt.Errorf("status %d: %s", res.StatusCode, rest)
	}
	return first, nil
}

// count takes together what the servers have seen.
func (sim *simulation) count() {
	slices.Sort(sim.told.firsts)
	for _, box := range sim.boxes {
		for _, l := range box.Loads() {
			sim.told.loads++
			if l.Reload != "" {
				sim.told.reloads++
			}
		}
	}
}

// watch looks once a second whether a server is idle while a queue holds more than its share.
func (sim *simulation) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			synctest.Wait() // what happens at this very moment has happened
			sim.look()
		}
	}
}

// margin is what a load may take beyond what it is expected to: the program learns
// what a load costs, and looks at who waits once a second.
const margin = 10 * time.Second

// look notes where a server has nothing to do while a queue holds more than its
// share. A queue's share is what the servers that have its model, or are loading it, work off
// in the time that it costs to have the model loaded on the idle server: twice the load, because what
// it takes from others counts as much (and an answer of what has to go comes before it, as the program
// has learned elsewhere), and the loads of all that is loaded there, which may have to go. A longer
// queue would be over sooner with the idle server's help. Where a model does not fit, there is no help.
// It must be so for two looks in a row: what comes at once is dealt with within a second.
func (sim *simulation) look() {
	before := sim.long
	sim.long = map[string]bool{}
	for i, c := range sim.app.settings().connections {
		idle := c.Servers()[0]
		if idle.InFlight() > 0 {
			continue
		}
		for _, q := range sim.app.desk.Queues() {
			var n int
			_, _ = fmt.Sscanf(q.Model, "model-%d", &n) // as simName has written it
			if sim.models[n] > sim.memory[i] || float64(q.Length) <= sim.share(q.Key, n, idle) {
				continue
			}
			what := fmt.Sprintf("%s is idle, %d wait for %s", idle.ID(), q.Length, q.Model)
			at := idle.ID() + q.Model
			if sim.long[at] = true; before[at] {
				sim.told.unfair = append(sim.told.unfair, what)
			}
		}
	}
}

// share is how many may wait for a model while a server is idle.
func (sim *simulation) share(key string, model int, idle *fleet.Server) float64 {
	places := 0
	for _, c := range sim.app.settings().connections {
		s := c.Servers()[0]
		if f := s.Facts(key); f.Loaded(s.State(), key) || !f.Loading.IsZero() {
			places += s.Parallel()
		}
	}
	cost := 2*(loadTime(sim.models[model])+most*pace) + margin
	for _, m := range idle.State().Loaded {
		cost += loadTime(m.Size >> 30)
	}
	service := pace * (fewest + most) / 2
	return float64(places) * cost.Seconds() / service.Seconds()
}

// TestSimulation shows what the usual policy is for: it prints the figures of all
// four. Nothing is refused and requests may wait for ever, so a policy that spends its servers' time
// on loads shows that in how long its clients wait.
func TestSimulation(t *testing.T) {
	const seed = 1
	seen := usual.run(t, seed)
	if len(seen) < len(balance.Names) {
		return // -run has picked some, or one has failed
	}
	t.Log("\n" + table(usual, seed, seen))
	best := seen["loaded-first"]
	for _, policy := range []string{"round-robin", "least-busy"} {
		if o := seen[policy]; best.loads*3 > o.loads || best.quantile(.95) >= o.quantile(.95) {
			t.Errorf("loaded-first beside %s: %d and %d loads, p95 %v and %v", policy, best.loads, o.loads, best.quantile(.95), o.quantile(.95))
		}
	}
	for policy, o := range seen {
		if len(o.failed) > 0 {
			t.Errorf("%s: %d requests failed, the first with %s", policy, len(o.failed), o.failed[0])
		}
	}
	if n := len(best.unfair); n > 0 {
		t.Errorf("a server was idle while a queue held more than its share, %d times: %s", n, best.unfair[0])
	}
}

// run simulates one workload under every policy.
func (s shape) run(t *testing.T, seed uint64) map[string]*told {
	all := s.askings(seed)
	var mu sync.Mutex
	seen := map[string]*told{}
	t.Run(fmt.Sprint(s.name, seed), func(t *testing.T) { // it ends when all four have
		for _, policy := range balance.Names {
			t.Run(policy, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					o := simulate(t, s, policy, all)
					mu.Lock()
					defer mu.Unlock()
					seen[policy] = o
				})
			})
		}
	})
	return seen
}
