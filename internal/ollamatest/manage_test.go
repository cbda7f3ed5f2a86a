package ollamatest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPull(t *testing.T) {
	bubble(t, Options{Pace: time.Second}, func(b *box) {
		r := b.ok(b.post("/api/pull", `{"model":"hf.co/Some/Model:Q4"}`))
		if n := count(r.text); n != 10 || r.took != 5*time.Second || !strings.HasSuffix(r.text, "{\"status\":\"success\"}\n") {
			t.Errorf("%d records in %v: %s", n, r.took, r.text)
		}
		if !regexp.MustCompile(`\{"status":"pulling [0-9a-f]{12}","digest":"sha256:[0-9a-f]{64}","total":1000000,"completed":400000\}`).MatchString(r.text) {
			t.Error(r.text)
		}
		if r := b.ok(b.post("/api/pull", `{"model":"hf.co/some/model:q4","stream":false}`)); r.text != `{"status":"success"}` || r.took != 0 {
			t.Errorf("again, in %v: %s", r.took, r.text)
		}
		if tags := b.get("/api/tags").text; strings.Count(tags, `"name":"hf.co/Some/Model:Q4"`) != 1 || strings.Count(tags, `"name"`) != 1 {
			t.Error(tags)
		}
		b.ok(b.post("/api/generate", generate("hf.co/some/model:q4", ``)))
		push := b.ok(b.post("/api/push", `{"model":"hf.co/some/model:q4"}`))
		if !strings.HasPrefix(push.text, "{\"status\":\"retrieving manifest\"}\n") || !strings.HasSuffix(push.text, "{\"status\":\"success\"}\n") {
			t.Error(push.text)
		}
	})
}

func TestPullIsLeft(t *testing.T) {
	bubble(t, Options{Pace: time.Minute}, func(b *box) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute+1)
		defer cancel()
		if r := b.postIn(ctx, "/api/pull", `{"model":"new"}`); r.err == nil || count(r.text) != 4 {
			t.Errorf("%v after %q", r.err, r.text)
		}
		if b.get("/api/tags").text != `{"models":[]}` {
			t.Error("it was installed all the same")
		}
	})
}

// A copy is another name for the same digest and the same runner, which shows the name it was loaded by.
func TestCopy(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "casea:Q4"}}, Load: time.Second}, func(b *box) {
		b.ok(b.post("/api/copy", `{"source":"CASEA:q4","destination":"caseb:q4"}`))
		tags := b.get("/api/tags").text
		if !strings.Contains(tags, `"caseb:Q4"`) { // the tag's letters are borrowed
			t.Error(tags)
		}
		digests := regexp.MustCompile(`"digest":"(\w+)"`).FindAllStringSubmatch(tags, -1)
		if len(digests) != 2 || digests[0][1] != digests[1][1] {
			t.Error(tags)
		}
		b.ok(b.post("/api/generate", generate("casea:q4", ``)))
		if r := b.ok(b.post("/api/generate", generate("caseb:q4", ``))); r.took != 0 {
			t.Errorf("took %v", r.took)
		}
		if ps := b.get("/api/ps").text; !strings.Contains(ps, `"name":"casea:Q4"`) || strings.Contains(ps, "caseb") {
			t.Error(ps)
		}
		b.ok(b.do(context.Background(), "DELETE", "/api/delete", `{"name":"casea:q4"}`))
		if ps := b.get("/api/ps").text; !strings.Contains(ps, `"name":"casea:Q4"`) { // until it expires
			t.Error(ps)
		}
		b.Remove("caseb:q4")
		if tags := b.get("/api/tags").text; tags != `{"models":[]}` {
			t.Error(tags)
		}
	})
}

// A model derived with num_ctx is a name, not a second copy of the weights: gollamas makes such
// models so that /v1, which cannot say num_ctx, does not reload what native clients use.
func TestDerivedModel(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a", Size: 1000}}, Load: time.Second}, func(b *box) {
		r := b.ok(b.post("/api/create", `{"model":"gollamas/a:ctx1024","from":"a","parameters":{"num_ctx":1024,"stop":["x","y"]}}`))
		if count(r.text) != 4 {
			t.Error(r.text)
		}
		chat := `"messages":[{"role":"user","content":"x"}]}`
		for range 2 {
			b.ok(b.post("/api/chat", `{"model":"a","options":{"num_ctx":1024},`+chat))
			b.ok(b.post("/v1/chat/completions", `{"model":"gollamas/a:ctx1024",`+chat))
		}
		b.ok(b.post("/v1/chat/completions", `{"model":"a",`+chat))
		if l := b.Loads(); len(l) != 2 || l[1].Reload != "num_ctx" {
			t.Errorf("loads %+v", l)
		}
		show := b.ok(b.post("/api/show", `{"model":"gollamas/a:ctx1024"}`)).text
		for _, want := range []string{`"parent_model":"a:latest"`, `PARAMETER num_ctx 1024\nPARAMETER stop x\nPARAMETER stop y\n`, `"parameters":"num_ctx                        1024\nstop                           \"x\"\n`} {
			if !strings.Contains(show, want) {
				t.Errorf("%s: not in %s", want, show)
			}
		}
		if tags := b.get("/api/tags").text; !strings.Contains(tags, `"name":"gollamas/a:ctx1024","model":"gollamas/a:ctx1024"`) || !strings.Contains(tags, `"size":1033,`) {
			t.Error(tags)
		}
	})
}

// A name that is created anew while loaded shows twice, with its old digest and its new one.
func TestCreatedAnew(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "a"}, {Name: "b"}, {Name: "mine", Weights: "x"}}}, func(b *box) {
		b.ok(b.post("/api/generate", generate("mine", ``)))
		b.ok(b.post("/api/create", `{"model":"mine","from":"b","system":"be brief","stream":false}`))
		b.ok(b.post("/api/generate", generate("mine", ``)))
		if ps := b.get("/api/ps").text; strings.Count(ps, `"name":"mine:latest"`) != 2 {
			t.Error(ps)
		}
	})
}

func TestCreateFromMissingPulls(t *testing.T) {
	bubble(t, Options{}, func(b *box) {
		r := b.ok(b.post("/api/create", `{"model":"mine","from":"theirs"}`))
		if !strings.HasPrefix(r.text, "{\"status\":\"pulling manifest\"}\n") || b.library.find(parseName("theirs")) == nil || b.library.find(parseName("mine")) == nil {
			t.Error(r.text)
		}
	})
}

func TestBlobs(t *testing.T) {
	s, err := Start(Options{Models: []Model{{Name: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Fault(Fault{Kind: Hang, Model: "nobody"}) // must not touch an upload
	body := append([]byte("GGUF"), bytes.Repeat([]byte{7}, 1<<20)...)
	sum := sha256.Sum256(body)
	url := s.URL() + "/api/blobs/sha256:" + hex.EncodeToString(sum[:])
	upload := func() *http.Response {
		res, err := http.Post(url, "", io.MultiReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	if res := upload(); res.StatusCode != 201 {
		t.Errorf("status %d", res.StatusCode)
	}
	if res := upload(); res.StatusCode != 200 || !res.Close { // unread: the connection is of no more use
		t.Errorf("again: status %d, close %v", res.StatusCode, res.Close)
	}
	if n := len(s.Requests()[0].Body); n != 0 {
		t.Errorf("%d bytes of a blob are on record", n)
	}
	a := s.ask(t, exchange{method: "POST", path: "/api/create", body: fmt.Sprintf(`{"model":"mine","files":{"m.gguf":"sha256:%x"}}`, sum)})
	m := s.library.find(parseName("mine"))
	if a.status != 200 || m == nil || m.Size != int64(len(body)) || m.Weights != hex.EncodeToString(sum[:]) {
		t.Errorf("status %d: %s", a.status, a.text)
	}
	if a := s.ask(t, exchange{method: "HEAD", path: "/api/blobs/sha256-" + s.library.find(parseName("a")).Weights}); a.status != 200 {
		t.Errorf("the weights of a model are no blob: status %d", a.status)
	}
}

func TestStub(t *testing.T) {
	bubble(t, Options{Models: []Model{{Name: "gpt:cloud", RemoteHost: "https://ollama.com:443", RemoteModel: "gpt"}, {Name: "stub", Size: 235, RemoteHost: "https://ollama.com:443", RemoteModel: "gpt"}}}, func(b *box) {
		tags := b.get("/api/tags").text
		if !strings.Contains(tags, `"remote_model":"gpt","remote_host":"https://ollama.com:443"`) || !strings.Contains(tags, `"families":null`) {
			t.Error(tags)
		}
		for _, name := range []string{"stub", "gpt:cloud"} {
			if r := b.post("/api/generate", generate(name, ``)); r.status != 403 {
				t.Errorf("%s: status %d: %s", name, r.status, r.text)
			}
		}
	})
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	models := []Model{{Name: "a", Size: 4, Load: time.Millisecond}, {Name: "b", Size: 4}, {Name: "c", Size: 4, Load: time.Millisecond}}
	s, err := Start(Options{Models: models, Memory: 9, Parallel: 3, MaxQueue: 20, Remember: 50, Pace: 100 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 2))
			for range 10 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rnd.IntN(60))*time.Millisecond)
				q := asks[rnd.IntN(len(asks))]
				body := strings.Replace(q.body, `"a"`, `"`+models[rnd.IntN(3)].Name+`"`, 1)
				body = strings.Replace(body, "{", fmt.Sprintf(`{"keep_alive":%d,"options":{"num_ctx":%d},`, rnd.IntN(3)-1, 4096*(1+rnd.IntN(2))), 1)
				req, _ := http.NewRequestWithContext(ctx, "POST", s.URL()+q.path, strings.NewReader(body))
				if res, err := http.DefaultClient.Do(req); err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				cancel()
				s.Requests()
				s.Loads()
			}
		})
	}
	wg.Go(func() {
		for range 3 {
			time.Sleep(20 * time.Millisecond)
			clear := s.Fault(Fault{Kind: Cut, After: 2, Times: 5})
			s.Install(Model{Name: "new"})
			if err := s.Restart(); err != nil {
				t.Error(err)
			}
			clear()
		}
	})
	wg.Wait()
	s.Stop()
	if n := s.InFlight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
	s.memory.mu.Lock()
	defer s.memory.mu.Unlock()
	if s.memory.loading || len(s.memory.queue) > 0 || len(s.memory.runners) > 0 {
		t.Errorf("%+v", s.memory)
	}
}

func TestShowForCopilot(t *testing.T) {
	s := New(Options{Models: []Model{{Name: "a"}}})
	defer s.Close()
	w := &recording{header: http.Header{}}
	r, _ := http.NewRequest("POST", "http://localhost/api/show", strings.NewReader(`{"model":"A"}`))
	r.Header.Set("User-Agent", "GitHubCopilotChat/0.1")
	s.ServeHTTP(w, r)
	var answer struct {
		Info map[string]any `json:"model_info"`
	}
	if err := json.Unmarshal([]byte(w.text.String()), &answer); err != nil || answer.Info["general.basename"] != "A" {
		t.Errorf("%v: %s", err, w.text.String())
	}
}

func TestAFileGoesWithTheLastModelThatHasIt(t *testing.T) {
	bubble(t, Options{}, func(b *box) {
		file := []byte("GGUF and more")
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(file))
		head := func() int { return b.do(context.Background(), "HEAD", "/api/blobs/"+digest, "").status }
		b.do(context.Background(), "POST", "/api/blobs/"+digest, string(file))
		b.ok(b.post("/api/create", `{"model":"one","files":{"m.gguf":"`+digest+`"}}`))
		b.ok(b.post("/api/copy", `{"source":"one","destination":"two"}`))
		b.ok(b.do(context.Background(), "DELETE", "/api/delete", `{"model":"one"}`))
		if got := head(); got != http.StatusOK {
			t.Errorf("with the first: %d", got)
		}
		b.ok(b.do(context.Background(), "DELETE", "/api/delete", `{"model":"two"}`))
		if got := head(); got != http.StatusNotFound {
			t.Errorf("with the last: %d", got)
		}
	})
}
