package ollamatest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReload(t *testing.T) {
	const wide = `,"options":{"num_ctx":50000}`
	for _, tt := range []struct {
		version       string
		first, second string
		reload        string // the option, "" = no second load
		alias         string
	}{
		{first: ``, second: ``},
		{first: ``, second: `,"options":{"temperature":0.1,"num_predict":3}`},
		{first: `,"options":{"num_ctx":8192}`, second: `,"options":{"num_ctx":8192}`},
		{first: `,"options":{"num_ctx":8192}`, second: ``, reload: "num_ctx"},
		{first: ``, second: `,"options":{"num_ctx":8192}`, reload: "num_ctx"},
		{first: `,"options":{"num_ctx":4096}`, second: ``}, // the default by another way is the same
		{first: `,"options":{"num_ctx":40000}`, second: wide, reload: "num_ctx"},
		{version: "0.33.0", first: `,"options":{"num_ctx":40000}`, second: wide}, // both are clamped to 32768
		{first: ``, second: `,"options":{"num_batch":64}`, reload: "num_batch"},
		{first: ``, second: `,"options":{"num_gpu":3}`, reload: "num_gpu"},
		{first: `,"options":{"num_gpu":3}`, second: ``},
		{first: ``, second: `,"options":{"main_gpu":1}`, reload: "main_gpu"},
		{first: ``, second: `,"options":{"use_mmap":false}`, reload: "use_mmap"},
		{first: ``, second: `,"options":{"num_thread":2}`, reload: "num_thread"},
		{first: ``, second: `,"options":{"draft_num_predict":2}`},
		{version: "0.33.0", first: ``, second: `,"options":{"draft_num_predict":2}`, reload: "draft_num_predict"},
		{first: ``, second: `,"shift":false`},
		{version: "0.33.0", first: ``, second: `,"shift":false`, reload: "shift"},
		{first: ``, second: ``, alias: "twin"},
		{first: ``, second: ``, alias: "wide", reload: "num_ctx"},
	} {
		name := fmt.Sprintf("%s %s then %s %s", tt.version, tt.first, tt.alias, tt.second)
		t.Run(name, func(t *testing.T) {
			models := []Model{{Name: "a", Weights: "w"}, {Name: "twin", Weights: "w"}, {Name: "wide", Weights: "w", NumCtx: 16384}}
			bubble(t, Options{Version: tt.version, Models: models, Load: time.Second}, func(b *box) {
				b.ok(b.post("/api/generate", generate("a", tt.first)))
				second := b.ok(b.post("/api/generate", generate(orDefault(tt.alias, "a"), tt.second)))
				loads := b.Loads()
				if tt.reload == "" {
					if len(loads) != 1 || second.took != 0 {
						t.Errorf("loads %+v, second took %v", loads, second.took)
					}
					return
				}
				if len(loads) != 2 || loads[1].Reload != tt.reload || second.took != time.Second {
					t.Errorf("loads %+v, second took %v", loads, second.took)
				}
			})
		})
	}
}

// A reload waits for the requests that are running, and v1 cannot carry num_ctx.
func TestReloadWaits(t *testing.T) {
	o := Options{Models: []Model{{Name: "a"}}, Pace: time.Second, Load: 10 * time.Second}
	bubble(t, o, func(b *box) {
		b.ok(b.post("/api/generate", `{"model":"a","options":{"num_ctx":8192}}`))
		long := b.later("/api/generate", generate("a", `,"options":{"num_ctx":8192}`))
		time.Sleep(5 * time.Second)
		r := b.ok(b.post("/v1/chat/completions", `{"model":"a","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`))
		if want := 10*time.Second + 10*time.Second + time.Second; r.took != want { // the rest of 15 words, the load, one word
			t.Errorf("took %v, not %v", r.took, want)
		}
		b.ok(<-long)
		if l := b.Loads()[1]; l.Reload != "num_ctx" || l.NumCtx != 4096 {
			t.Errorf("load %+v", l)
		}
	})
}

func TestContextLength(t *testing.T) {
	models := []Model{{Name: "a"}, {Name: "eye", Capabilities: []string{"completion", "vision"}}, {Name: "short", Context: 512}}
	for _, tt := range []struct {
		model, options string
		want           int
	}{
		{"a", ``, 4096},
		{"a", `,"options":{"num_ctx":40000}`, 32768},
		{"a", `,"options":{"num_ctx":2}`, 4},
		{"a", `,"options":{"num_ctx":-5}`, 4},
		{"eye", `,"options":{"num_ctx":16}`, 2048},
		{"short", ``, 512},
	} {
		bubble(t, Options{Models: models}, func(b *box) {
			b.ok(b.post("/api/generate", generate(tt.model, tt.options)))
			if got := b.get("/api/ps").text; !strings.Contains(got, fmt.Sprintf(`"context_length":%d}`, tt.want)) {
				t.Errorf("%s%s: want %d in %s", tt.model, tt.options, tt.want, got)
			}
		})
	}
}

func TestKeepAlive(t *testing.T) {
	for _, tt := range []struct {
		keep  string
		stays time.Duration // 0 = it goes at once, below zero = for ever
	}{
		{``, 5 * time.Minute},
		{`,"keep_alive":30`, 30 * time.Second},
		{`,"keep_alive":"90s"`, 90 * time.Second},
		{`,"keep_alive":0.5`, 500 * time.Millisecond},
		{`,"keep_alive":null`, 5 * time.Minute},
		{`,"keep_alive":0`, 0},
		{`,"keep_alive":-1`, -1},
		{`,"keep_alive":"-1m"`, -1},
	} {
		bubble(t, Options{Models: []Model{{Name: "a"}}}, func(b *box) {
			b.ok(b.post("/api/generate", generate("a", tt.keep)))
			if tt.stays < 0 {
				time.Sleep(1000 * time.Hour)
				if ps := b.get("/api/ps").text; b.loaded() != "a" || !strings.Contains(ps, `"expires_at":"2292-`) {
					t.Errorf("%s: %s", tt.keep, ps)
				}
				return
			}
			if tt.stays > 0 {
				time.Sleep(tt.stays - 1)
				if b.loaded() != "a" {
					t.Errorf("%s: gone too early", tt.keep)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
			}
			if b.loaded() != "" {
				t.Errorf("%s: still there", tt.keep)
			}
		})
	}
}

// The duration is the runner's: a request without one leaves it alone, and starts it anew.
func TestKeepAliveStays(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}}}, func(b *box) {
		b.ok(b.post("/api/generate", `{"model":"a","keep_alive":-1}`))
		b.ok(b.post("/v1/completions", `{"model":"a","prompt":"x","keep_alive":0}`)) // no such field on v1
		time.Sleep(time.Hour)
		if b.loaded() != "a" {
			t.Error("gone")
		}
		b.ok(b.post("/api/generate", generate("a", `,"keep_alive":"1m"`)))
		time.Sleep(40 * time.Second)
		b.ok(b.post("/api/generate", generate("a", ``)))
		time.Sleep(40 * time.Second)
		if b.loaded() != "a" {
			t.Error("the second request did not start the minute anew")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if b.loaded() != "" {
			t.Error("still there")
		}
	})
}

// Unloading is answered at once; a busy model goes when it is idle, and shows until then.
func TestUnloadWhileBusy(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}}, Pace: time.Second}, func(b *box) {
		busy := b.later("/api/generate", generate("a", ``))
		r := b.ok(b.post("/api/generate", `{"model":"a","keep_alive":0}`))
		if r.took != 0 || !strings.Contains(r.text, `"done_reason":"unload"`) {
			t.Errorf("took %v: %s", r.took, r.text)
		}
		time.Sleep(time.Second)
		if l := b.memory.list(); len(l) != 1 || !l[0].expires.Before(time.Now()) {
			t.Errorf("list %+v", l)
		}
		b.ok(<-busy)
		if b.loaded() != "" {
			t.Error("still there")
		}
	})
}

// Embedding with keep_alive 0 loads before it unloads.
func TestEmbedUnloads(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}}, Load: time.Second}, func(b *box) {
		r := b.ok(b.post("/api/embed", `{"model":"a","keep_alive":0}`))
		if r.took != time.Second || r.text != `{"model":"a","embeddings":[]}` || b.loaded() != "" {
			t.Errorf("took %v: %s; loaded %q", r.took, r.text, b.loaded())
		}
	})
}

func TestEviction(t *testing.T) {
	models := []Model{{Name: "a", Size: 4}, {Name: "b", Size: 4}, {Name: "c", Size: 4}, {Name: "big", Size: 100}}
	bubble(t, Options{Models: models, Memory: 10, Pace: time.Second}, func(b *box) {
		use := func(name, more string) { b.ok(b.post("/api/generate", generate(name, more))) }
		use("a", ``)
		use("b", ``)
		use("a", ``)
		use("c", ``) // pushes b out, which was not used for longest
		if got := b.loaded(); got != "c a" {
			t.Errorf("loaded %q", got)
		}
		use("a", `,"keep_alive":60`)
		use("b", ``) // pushes a out: its keep_alive is the shortest
		if got := b.loaded(); got != "b c" {
			t.Errorf("loaded %q", got)
		}
		use("big", ``) // alone, and not all of it on the GPU
		if ps := b.get("/api/ps").text; !strings.Contains(ps, `"size":100,`) || !strings.Contains(ps, `"size_vram":10,`) || b.loaded() != "big" {
			t.Errorf("ps %s", ps)
		}
	})
}

func TestEvictionWaitsForBusy(t *testing.T) {
	models := []Model{{Name: "a", Size: 8}, {Name: "b", Size: 8}}
	bubble(t, Options{Models: models, Memory: 10, Pace: time.Second}, func(b *box) {
		a := b.later("/api/generate", generate("a", ``))
		r := b.ok(b.post("/api/generate", generate("b", ``)))
		if r.took != 30*time.Second { // all of a's words before its own
			t.Errorf("took %v", r.took)
		}
		b.ok(<-a)
	})
}

// A model that is loading is not listed; a client that leaves ends the load.
func TestLeavingAbortsLoad(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}}, Load: time.Minute}, func(b *box) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		first := b.laterIn(ctx, "/api/chat", `{"model":"a","messages":[{"role":"user","content":"x"}]}`)
		second := b.later("/api/generate", generate("a", ``))
		time.Sleep(time.Second)
		if got := b.get("/api/ps").text; got != `{"models":[]}` {
			t.Errorf("ps while loading: %s", got)
		}
		if r := <-first; r.err == nil {
			t.Errorf("status %d", r.status)
		}
		if r := b.ok(<-second); r.took != 70*time.Second {
			t.Errorf("the second took %v: its load starts when the first is aborted", r.took)
		}
		loads := b.Loads()
		if len(loads) != 2 || !loads[0].Aborted || loads[0].Took != 10*time.Second || loads[1].Aborted {
			t.Errorf("loads %+v", loads)
		}
		if r := b.Requests()[0]; !r.Gone {
			t.Errorf("request %+v", r)
		}
	})
}
