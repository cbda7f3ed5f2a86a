package app

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gollamas/internal/ollamatest"
	"gollamas/internal/telemetry"
)

// The digests of a base before and after it changes, and what is in its variants' names of them.
var (
	oldDigest = strings.Repeat("a", 64)
	newDigest = strings.Repeat("b", 64)
)

const (
	ofOld    = "gollamas/m:latest-ctx8192-aaaaaaaaaaaa"
	ofNew    = "gollamas/m:latest-ctx8192-bbbbbbbbbbbb"
	withSize = "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], num_ctx: 8192, aliases: [gpt]}}\n"
)

// m is the model that has variants.
func m(digest string) ollamatest.Model {
	return ollamatest.Model{Name: "m", Digest: digest, Weights: strings.Repeat("c", 64), Capabilities: []string{"completion", "embedding"}, Load: 2 * time.Second}
}

func sizedBox() map[string]ollamatest.Options {
	return map[string]ollamatest.Options{"a": {Models: []ollamatest.Model{m(oldDigest)}}}
}

// saying is a chat of /v1 about a model.
func saying(model string) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"x"}]}`, model)
}

const spokenAt = "/v1/chat/completions"

// sent are the models that requests to a path have named on a box, in order.
func sent(b *box, path string) (out []string) {
	for _, q := range asked(b.Server, path) {
		var said struct{ Model string }
		_ = json.Unmarshal(q.Body, &said)
		out = append(out, said.Model)
	}
	return out
}

func wantAll(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// dialects is a request of each kind that cannot say num_ctx, with a place for the model's name.
var dialects = []struct{ path, body string }{
	{"/v1/chat/completions", `{"model":"%s","messages":[{"role":"user","content":"x"}]`},
	{"/v1/completions", `{"model":"%s","prompt":"x"`},
	{"/v1/messages", `{"model":"%s","messages":[{"role":"user","content":"x"}],"max_tokens":9`},
	{"/v1/responses", `{"model":"%s","input":"x"`},
	{"/v1/embeddings", `{"model":"%s","input":"x"`},
}

func TestEachDialectGetsTheContextAndNamesTheModelAsItsClientDid(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		for _, d := range dialects {
			for _, stream := range []string{`}`, `,"stream":true}`} {
				if stream != `}` && d.path == "/v1/embeddings" {
					continue
				}
				for _, name := range []string{"m", "M:latest", "gpt"} {
					w.boxes["a"].Reset()
					a := w.post(d.path, fmt.Sprintf(d.body, name)+stream)
					a.want(t, 200, `"model":"`+name+`"`)
					if strings.Contains(a.body, "gollamas") || strings.Contains(a.body, "ctx") {
						t.Errorf("%s %s: the answer names the variant: %s", d.path, name, a.body)
					}
					wantAll(t, sent(w.boxes["a"], d.path), ofOld)
				}
			}
		}
		if got := w.last().Sent; got != ofOld {
			t.Errorf("the log says that %q was sent", got)
		}
	})
}

func TestNativeAndOtherDialectsShareOneLoad(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		for range 10 {
			w.post("/api/chat", about("m")).want(t, 200, `"done":true`)
			w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
			w.post("/v1/embeddings", `{"model":"m","input":"x"}`).want(t, 200, `"model":"m"`)
			wait(time.Minute)
		}
		if loads := w.boxes["a"].Loads(); len(loads) != 1 || loads[0].NumCtx != 8192 {
			t.Errorf("loads %+v, want one", loads)
		}
		wantAll(t, sent(w.boxes["a"], "/api/create"), ofOld)
	})
}

func TestAVariantIsMadeOnceForManyAndAgainForAnotherBase(t *testing.T) {
	o := sizedBox()["a"]
	o.Pace = time.Second // and so long a variant takes to be made
	pretend(t, withSize, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		box := w.boxes["a"]
		crowd := func() {
			var all []*underWay
			for range 50 {
				all = append(all, w.begin(spokenAt, saying("m")))
			}
			for _, a := range all {
				a.end().want(t, 200, `"model":"m"`)
			}
		}
		crowd()
		crowd()
		wait(time.Hour)
		crowd()
		wantAll(t, sent(box, "/api/create"), ofOld)
		box.Remove("m")
		box.Install(m(newDigest))
		wait(interval)
		crowd()
		wantAll(t, sent(box, "/api/create"), ofOld, ofNew)
		if all := sent(box, spokenAt); all[0] != ofOld || all[149] != ofOld || all[150] != ofNew || all[199] != ofNew {
			t.Errorf("asked of %q", all)
		}
		if body := string(asked(box.Server, "/api/create")[0].Body); body != `{"from":"m:latest","model":"`+ofOld+`","parameters":{"num_ctx":8192},"stream":false}` {
			t.Errorf("made with %s", body)
		}
	})
}

func TestAVariantThatIsThereAlreadyIsNotMade(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		w.direct("a", "/api/create", `{"model":"`+ofOld+`","from":"m","parameters":{"num_ctx":8192}}`) // by another gollamas, say
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)                                      // before a look has seen it
		wantAll(t, sent(w.boxes["a"], "/api/create"), ofOld)
		wantAll(t, sent(w.boxes["a"], spokenAt), ofOld)
	})
}

func TestAVariantIsMadeToTheEndThoughItsClientLeaves(t *testing.T) {
	o := sizedBox()["a"]
	o.Pace = time.Second // and so long a variant takes to be made
	pretend(t, withSize, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		a := w.send(spokenAt, saying("m"))
		wait(500 * time.Millisecond)
		a.leave()
		<-a.over
		wait(interval)
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		wantAll(t, sent(w.boxes["a"], "/api/create"), ofOld)
		wantAll(t, sent(w.boxes["a"], spokenAt), ofOld)
	})
}

func TestWhatIsNotInstalledGetsNoVariant(t *testing.T) { // Ollama would pull it
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		w.boxes["a"].Remove("m") // the last look still lists it
		w.post(spokenAt, saying("m")).want(t, 404, "model 'm' not found")
		w.post(spokenAt, saying("m")).want(t, 404, "model 'm' not found")
		wantAll(t, sent(w.boxes["a"], "/api/create"))
		w.boxes["a"].Install(m(oldDigest))
		wait(interval)
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		w.boxes["a"].Remove("m")
		w.boxes["a"].Remove(ofOld)
		wait(2 * time.Minute)
		w.post(spokenAt, saying("m")).want(t, 404, "model 'm' not found")
		wantAll(t, sent(w.boxes["a"], "/api/create"), ofOld)
	})
}

func TestAServerThatRefusesGetsTheRequestAsItIsAndIsSaidOnce(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
				box := w.boxes["a"]
				clear := box.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/create", Status: status, Body: `{"error":"it is read-only"}`})
				for range 20 {
					w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
					wait(time.Minute)
				}
				if got := sent(box, spokenAt); len(got) != 20 || got[0] != "m" || got[19] != "m" {
					t.Errorf("asked of %q", got)
				}
				if loads := box.Loads(); len(loads) != 1 || loads[0].NumCtx != 4096 {
					t.Errorf("loads %+v, want one with the server's own context", loads)
				}
				if f := w.facts(0, "m"); f.Last.NumCtx != 0 || f.Got != 0 || f.Loads != 1 {
					t.Errorf("the server is thought to have loaded it as was wanted: %+v", f)
				}
				wantAll(t, sent(box, "/api/create"), ofOld)
				reason := fmt.Sprintf("status %d: it is read-only", status)
				if n := w.logged("WARN"); n != 1 || w.logged(`"server":"a"`, `"model":"m"`, `"num_ctx":8192`, reason, "the server's own context") != 1 {
					t.Errorf("%d warnings:\n%s", n, w.log)
				}
				if notes := w.server(0).Notes(); len(notes) != 1 || notes[0].Topic != "variant of m" || !strings.Contains(notes[0].Text, reason) {
					t.Errorf("notes %+v", notes)
				}
				clear()
				box.Remove("m")
				box.Install(m(newDigest))
				wait(interval)
				w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
				wantAll(t, sent(box, "/api/create"), ofOld, ofNew)
				if notes := w.server(0).Notes(); len(notes) != 0 {
					t.Errorf("the note stays: %+v", notes)
				}
			})
		})
	}
}

func TestAServersNewVersionIsAskedAgainForWhatTheOldRefused(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		box := w.boxes["a"]
		clear := box.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/create", Status: 400})
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		clear()
		box.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/version", Status: 200, Body: `{"version":"0.99.0"}`})
		wait(interval)
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		wantAll(t, sent(box, spokenAt), "m", ofOld)
	})
}

func TestAPassingFailureIsNotTriedAgainForAMinute(t *testing.T) {
	for name, fault := range map[string]ollamatest.Fault{
		"500":           {Kind: ollamatest.Status, Path: "/api/create", Status: 500, Body: `{"error":"disk full"}`},
		"no connection": {Kind: ollamatest.Refuse, Path: "/api/create"},
		"no answer":     {Kind: ollamatest.Hang, Path: "/api/create"},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
				box := w.boxes["a"]
				clear := box.Fault(fault)
				a := w.post(spokenAt, saying("m"))
				a.want(t, 200, `"model":"m"`)
				if a.took > 35*time.Second {
					t.Errorf("the request waited %v", a.took)
				}
				for range 5 {
					wait(10 * time.Second)
					w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
				}
				wantAll(t, sent(box, "/api/create"), ofOld)
				wait(time.Minute)
				w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
				wantAll(t, sent(box, "/api/create"), ofOld, ofOld)
				if n := len(w.server(0).Notes()); n != 1 {
					t.Errorf("%d notes of it", n)
				}
				clear()
				wait(2 * time.Minute)
				for range 2 { // the first does not wait for what has failed before
					w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
				}
				wantAll(t, sent(box, "/api/create"), ofOld, ofOld, ofOld)
				if got := sent(box, spokenAt); got[8] != ofOld { // the one between gets what is there by then
					t.Errorf("asked of %q", got)
				}
				if w.logged("WARN", "no variant") != 1 || len(w.server(0).Notes()) != 0 {
					t.Errorf("notes %+v, log:\n%s", w.server(0).Notes(), w.log)
				}
			})
		})
	}
}

func TestAVariantThatSomebodyDeletedIsMadeAgainUnnoticed(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		box := w.boxes["a"]
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		box.Remove(ofOld)
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`) // before a look has seen it
		wantAll(t, sent(box, spokenAt), ofOld, ofOld, ofOld)
		wait(time.Hour)
		box.Remove(ofOld)
		wait(interval)
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`) // and after
		wantAll(t, sent(box, "/api/create"), ofOld, ofOld, ofOld)
		for range 100 { // somebody insists
			box.Remove(ofOld)
			w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		}
		if n := len(sent(box, "/api/create")); n > 4 {
			t.Errorf("made %d times within a minute", n)
		}
	})
}

func TestNoListShowsAVariant(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {'*': a}\nnum_ctx: 8192\nlist_aliases: true\nallow_running: true\naliases: {gpt: m}\n"
	o := sizedBox()["a"]
	o.Models = append(o.Models, ollamatest.Model{Name: "gollamas/mine"})
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		box := w.boxes["a"]
		w.direct("a", "/api/create", `{"model":"`+ofOld+`","from":"m","parameters":{"num_ctx":8192}}`)
		w.direct("a", "/api/generate", `{"model":"`+ofOld+`"}`)
		wait(interval)
		loaded := w.get("/api/ps")
		for _, part := range []string{`"name":"m:latest","model":"m:latest"`, `"digest":"` + oldDigest + `"`, `"context_length":8192`} {
			loaded.want(t, 200, part)
		}
		w.talk("m", "a")
		w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
		if n := len(box.Loads()); n != 1 {
			t.Errorf("%d loads: the variant was not seen to be the model", n)
		}
		lists := func() {
			for _, path := range []string{"/api/tags", "/api/ps", "/v1/models"} {
				if a := w.get(path); a.status != 200 || strings.Contains(a.body, "ctx8192") {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			}
			w.get("/api/tags").want(t, 200, "gollamas/mine:latest")
			w.post("/api/chat", about(ofOld)).want(t, 404, "not found")
			w.post("/api/show", `{"model":"`+ofOld+`"}`).want(t, 404, "not found")
			w.get("/v1/models/"+ofOld).want(t, 404, "not found")
		}
		lists()
		box.Remove("m") // the variant stays in memory, and is nobody's
		w.direct("a", "/api/generate", `{"model":"`+ofOld+`"}`)
		wait(interval)
		lists()
		if loaded := w.server(0).State().Loaded; len(loaded) != 1 {
			t.Errorf("loaded %+v, want what takes memory", loaded)
		}
	})
}

func TestNoListShowsAVariantThatARouteNames(t *testing.T) {
	file := "connections: {a: 'http://a.localhost'}\nmodels: {'" + ofNew + "': a}\n"
	o := sizedBox()["a"]
	o.Models = append(o.Models, ollamatest.Model{Name: ofNew}) // whose base is not there
	pretend(t, file, map[string]ollamatest.Options{"a": o}, func(t *testing.T, w *world) {
		w.warm("a", ofNew)
		for _, path := range []string{"/api/tags", "/api/ps", "/v1/models"} {
			if a := w.get(path); a.status != 200 || strings.Contains(a.body, "ctx8192") {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	})
}

func TestAnErrorNamesTheModelAndNotItsVariant(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		tools := `{"model":"%s","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]}`
		w.post(spokenAt, fmt.Sprintf(tools, "m")).want(t, 400, `"registry.ollama.ai/library/m:latest does not support tools"`)
		w.post(spokenAt, fmt.Sprintf(tools, "gpt")).want(t, 400, `"registry.ollama.ai/library/m:latest does not support tools"`)
		wantAll(t, sent(w.boxes["a"], spokenAt), ofOld, ofOld)
		for _, status := range []int{400, 500} {
			clear := w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: spokenAt, Status: status, Body: `{"error":{"message":"\"` + ofOld + `\" is odd"}}`})
			w.post(spokenAt, saying("m")).want(t, status, `"\"m\" is odd"`)
			if got := w.last().Err; got != `"m" is odd` {
				t.Errorf("the log says %s", got)
			}
			clear()
		}
	})
}

func TestWhatIsBeingMadeEndsWithGollamas(t *testing.T) {
	pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
		w.boxes["a"].Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/create"})
		w.begin(spokenAt, saying("m"))
		synctest.Wait()
		from := time.Now()
		w.stop()
		w.now()
		err := <-w.done
		if took := time.Since(from); took > lastWords {
			t.Errorf("it took %v", took)
		}
		w.done <- err // pretend waits for it as well, and for all that gollamas has started
	})
}

func TestARefusalStandsInTheOperatorsState(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "m"}}})
	s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/create", Status: 405, Body: "405 method not allowed"})
	r := start(t, "--connection", "s="+s.URL(), "--num-ctx", "m=8192", "--admin", "127.0.0.1:0")
	r.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
	ask(t, "GET", r.ops+"/api/state", "").want(t, 200, `"topic": "variant of m",
          "text": "num_ctx 8192: the server refuses it (status 405: Method Not Allowed); /v1 requests for m get the server's own context"`)
}

// lister is an App that lists and removes variants, with these flags.
func lister(t *testing.T, flags ...string) *App {
	t.Helper()
	a, err := New(load(t, flags...), telemetry.NewLogger(io.Discard, "info"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listing is the variants that an App finds, each with why no rule needs it.
func listing(t *testing.T, a *App) (all []Variant, text []string) {
	t.Helper()
	all, err := a.Variants(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, v := range all {
		text = append(text, fmt.Sprintf("%s %s of %s with %d: %s", v.Server, v.Name, v.Model, v.NumCtx, v.Idle))
	}
	return all, text
}

func TestAVariantIsListedRemovedAndMadeAgain(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "hf.co/me/m:q4", Digest: oldDigest}}})
	r := start(t, "--connection", "s="+s.URL(), "--num-ctx", "*=8192")
	const model, name = "hf.co/me/m:q4", "gollamas/m:q4-ctx8192-aaaaaaaaaaaa"
	r.post(spokenAt, saying(model)).want(t, 200, `"model":"`+model+`"`)
	_, text := listing(t, lister(t, "--connection", "s="+s.URL(), "--num-ctx", "hf*=8192"))
	wantAll(t, text, "s "+name+" of "+model+" with 8192: ")
	all, text := listing(t, lister(t, "--connection", "s="+s.URL(), "--num-ctx", "*=4096"))
	wantAll(t, text, "s "+name+" of "+model+" with 8192: no rule gives it this size")
	clear := s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/delete", Status: 403, Body: `{"error":"no"}`})
	if err := all[0].Remove(t.Context()); err == nil || err.Error() != name+" is not removed from s: status 403: no" {
		t.Errorf("a removal that is refused: %v", err)
	}
	clear()
	for range 2 { // the second time it is gone already
		if err := all[0].Remove(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if all, _ := listing(t, lister(t, "--connection", "s="+s.URL())); len(all) != 0 {
		t.Errorf("it is still there: %+v", all)
	}
	r.post(spokenAt, saying(model)).want(t, 200, `"model":"`+model+`"`)
	if all, _ := listing(t, lister(t, "--connection", "s="+s.URL(), "--num-ctx", "8192")); len(all) != 1 {
		t.Errorf("it is not made again: %+v", all)
	}
}

func TestAVariantIsNeededIfAnyConnectionToItsServerNeedsIt(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "m", Digest: oldDigest}, {Name: ofOld}}})
	two := []string{"--connection", "a=" + s.URL(), "--connection", "b=" + s.URL()}
	_, text := listing(t, lister(t, append(two, "--num-ctx", "m@b=8192")...))
	wantAll(t, text, "a "+ofOld+" of m with 8192: ")
	_, text = listing(t, lister(t, append(two, "--num-ctx", "@b=8192", "--proxy", "m=a")...))
	wantAll(t, text, "a "+ofOld+" of m with 8192: no rule gives it this size")
	_, text = listing(t, lister(t, append(two, "--num-ctx", "8192", "--proxy", "other=a", "--alias", "m=other")...))
	wantAll(t, text, "a "+ofOld+" of m with 8192: the model is not routed there")
}

func TestAVariantsNameCostsNoMemory(t *testing.T) {
	s := ollama(t, ollamatest.Options{Models: []ollamatest.Model{{Name: "m", Digest: oldDigest}}})
	r := start(t, "--connection", "s="+s.URL(), "--num-ctx", "8192")
	r.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`)
	const key = "registry.ollama.ai/library/m:latest"
	at := r.server(0)
	if n := testing.AllocsPerRun(100, func() { r.variants.Name(at, key, 8192); r.variants.Refused(at, key, 8192) }); n != 0 || r.variants.Name(at, key, 8192) != ofOld {
		t.Errorf("%v allocations, name %q", n, r.variants.Name(at, key, 8192))
	}
}

func TestAClientThatLeavesWhileItsVariantIsMadeHasNothingLoadedNorRenewed(t *testing.T) {
	const kept = "connections: {a: 'http://a.localhost'}\nmodels: {m: {routes: [a], num_ctx: 8192, keep_alive: 45m}}\n"
	for name, load := range map[string]func(w *world){
		"not loaded": func(*world) {},
		"by a client": func(w *world) {
			w.post("/api/chat", about("m", `"keep_alive":"5m",`)).want(t, 200, `"done":true`)
		},
		"by somebody else": func(w *world) { w.warm("a", "m", size(8192)) },
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, kept, sizedBox(), func(t *testing.T, w *world) {
				box := w.boxes["a"]
				load(w)
				n := len(box.Loads())
				defer box.Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/create"})()
				w.impatient(spokenAt, saying("m"), time.Second).end()
				wait(20 * time.Second)
				w.wantNLoads("a", n)
				if all := asked(box.Server, "/api/generate"); len(all) != n {
					t.Errorf("it has caused %d requests, the last %s", len(all)-n, all[len(all)-1].Body)
				}
				if f := w.facts(0, "m"); f.Held != 0 || !f.Loading.IsZero() || f.InFlight != 0 {
					t.Errorf("%+v", f)
				}
			})
		})
	}
}

func TestWhatHasFailedOnceIsNotWaitedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		fault ollamatest.Fault
		first time.Duration // that one request waits for
	}{
		"500":       {ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/create", Status: 500, Body: `{"error":"disk full"}`}, 5 * time.Second},
		"no answer": {ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/create"}, 35 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, withSize, sizedBox(), func(t *testing.T, w *world) {
				w.boxes["a"].Fault(c.fault)
				for i := range 60 { // for half an hour
					a := w.post(spokenAt, saying("m"))
					a.want(t, 200, `"model":"m"`)
					if most := c.first; i == 0 && a.took > most || i > 0 && a.took > time.Second {
						t.Errorf("request %d waited %v", i, a.took)
					}
					wait(30 * time.Second)
				}
				if n := len(sent(w.boxes["a"], "/api/create")); n < 10 || n > 31 {
					t.Errorf("it was tried %d times in half an hour", n)
				}
			})
		})
	}
}

func TestAVariantIsNobodysToAskForNorToPullNorToShow(t *testing.T) {
	for name, file := range map[string]string{
		"any model":    "connections: {a: 'http://a.localhost'}\nmodels: {'*': a}\nnum_ctx: 8192\n",
		"what is open": "connections: {a: 'http://a.localhost'}\nmodels: {m: a}\nallow_running: true\nnum_ctx: 8192\n",
	} {
		t.Run(name, func(t *testing.T) {
			pretend(t, file, sizedBox(), func(t *testing.T, w *world) {
				box := w.boxes["a"]
				w.post(spokenAt, saying("m")).want(t, 200, `"model":"m"`) // so that it is there, and loaded
				wait(interval)
				box.Reset()
				for _, variant := range []string{ofOld, ofNew, "GOLLAMAS/M:LATEST-CTX8192-AAAAAAAAAAAA", "registry.ollama.ai/" + ofOld} {
					named := fmt.Sprintf(`{"model":%q,"prompt":"x","input":"x","keep_alive":0,"stream":false}`, variant)
					for _, path := range []string{"/api/generate", "/api/embed", "/api/embeddings", "/api/show", "/v1/completions", "/v1/embeddings", "/v1/responses"} {
						w.post(path, named).want(t, 404, "not found")
					}
					for _, path := range []string{"/api/chat", spokenAt, "/v1/messages"} {
						w.post(path, about(variant, `"max_tokens":9,`)).want(t, 404, "not found")
					}
					w.post("/api/pull", named).want(t, 403, "")
				}
				for _, q := range box.Requests() {
					switch q.URL {
					case "/api/version", "/api/tags", "/api/ps":
					default:
						t.Errorf("the server got %s %s", q.URL, q.Body)
					}
				}
				w.wantNLoads("a", 0)
			})
		})
	}
}
