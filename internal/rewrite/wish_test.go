package rewrite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollama"
)

func object(t testing.TB, body string) *ollama.Object {
	t.Helper()
	o, err := ollama.ReadObject([]byte(body))
	if err != nil {
		t.Fatal(body, err)
	}
	return &o
}

func edited(o *ollama.Object, w Wish) []byte {
	return bytes.Join(ollama.Segments(o.Body, w.Edits(o)), nil)
}

// wish has both values.
func wish(keep time.Duration, numCtx int, force Force) Wish {
	return Wish{Rule[KeepAlive]{lasting(keep), force}, Rule[int]{numCtx, force}}
}

func TestADefaultIsUsedWhereTheRequestSaysNothing(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"m"}`: `{"keep_alive":"30m0s","options":{"num_ctx":4096},"model":"m"}`,
		`{}`:            `{"keep_alive":"30m0s","options":{"num_ctx":4096}}`,
		`{"model":"m","keep_alive":null,"options":null}`:                 `{"model":"m","keep_alive":"30m0s","options":{"num_ctx":4096}}`,
		`{"options":{},"keep_alive":"5m"}`:                               `{"options":{"num_ctx":4096},"keep_alive":"5m"}`,
		`{"options":{"seed":1,"num_ctx":null},"keep_alive":0}`:           `{"options":{"seed":1,"num_ctx":4096},"keep_alive":0}`,
		`{"options":{"num_ctx":100}, "Keep_Alive" : 7 }`:                 `{"options":{"num_ctx":100}, "Keep_Alive" : 7 }`,
		`{"options":{"num_ctx":"many"},"keep_alive":true}`:               `{"options":{"num_ctx":"many"},"keep_alive":true}`, // the server refuses it
		`{"keep_alive":"5m","options":{"num_ctx":9},"keep_alive":null}`:  `{"keep_alive":"30m0s","options":{"num_ctx":9}}`,
		`{"options":{"num_ctx":9,"a":1},"options":null,"keep_alive":-1}`: `{"options":{"num_ctx":4096},"keep_alive":-1}`,
		`{"options":{"NUM_CTX":9},"keep_alive":-1}`:                      `{"options":{"num_ctx":4096,"NUM_CTX":9},"keep_alive":-1}`,
		`null`: `null`,
	} {
		if got := string(edited(object(t, body), wish(30*time.Minute, 4096, Default))); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestWhatIsEnforcedIsUsedWhateverTheRequestSays(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"m"}`: `{"keep_alive":-1,"options":{"num_ctx":4096},"model":"m"}`,
		`{"keep_alive":"5m","options":{"num_ctx": 100 }}`:                         `{"keep_alive":-1,"options":{"num_ctx": 4096 }}`,
		`{"keep_alive":0,"options":{"num_ctx":"many"}}`:                           `{"keep_alive":-1,"options":{"num_ctx":4096}}`,
		`{"keep_alive":-1,"keep_alive":"1m","options":{},"options":{"seed":1}}`:   `{"keep_alive":-1,"options":{"num_ctx":4096,"seed":1}}`,
		`{"options":{"num_ctx":4096,"num_ctx":1},"keep_alive":-2}`:                `{"options":{"num_ctx":4096},"keep_alive":-2}`,
		`{"options":5,"keep_alive":-2}`:                                           `{"options":5,"keep_alive":-2}`,
		`{"messages":[{"content":"\"num_ctx\":1"}],"keep_alive":"-1m","other":1}`: `{"options":{"num_ctx":4096},"messages":[{"content":"\"num_ctx\":1"}],"keep_alive":"-1m","other":1}`,
	} {
		if got := string(edited(object(t, body), wish(-1, 4096, Enforced))); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestARequestThatAgreesIsNotTouched(t *testing.T) {
	for _, body := range []string{
		`{"keep_alive":30,"options":{"num_ctx":4096}}`, `{"keep_alive":"30s","options":{"num_ctx":4096.0}}`,
		`{"keep_alive":"0.5m","OPTIONS":{"num_ctx":4.096e3}}`, `{"keep_alive":7,"KEEP_ALIVE":3e1,"options":{"num_ctx":5},"options":{"num_\u0063tx":4096}}`,
		`{"keep_alive":"500ms","keep_alive":"30000ms","options":{"num_ctx":5,"num_ctx":4096.7}}`, // Ollama cuts it off
	} {
		if edits := wish(30*time.Second, 4096, Enforced).Edits(object(t, body)); edits != nil {
			t.Errorf("%s: %v", body, edits)
		}
	}
	if edits := (Wish{}).Edits(object(t, `{}`)); edits != nil {
		t.Error(edits)
	}
}

func TestWishesGoTogetherWithAnotherName(t *testing.T) {
	for body, want := range map[string]string{
		`{"Model":"a","messages":[]}`:                  `{"keep_alive":-1,"options":{"num_ctx":4096},"model":"b","messages":[]}`,
		`{"x":1,"model":"a","options":{},"model":"a"}`: `{"keep_alive":-1,"x":1,"model":"b","options":{"num_ctx":4096}}`,
	} {
		m := Model{Object: *object(t, body), Field: ollama.FieldModel, Asked: "a"}
		got := string(bytes.Join(m.Body("b", wish(-1, 4096, Enforced).Edits(&m.Object)...), nil))
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestTheBodyThatLoads(t *testing.T) {
	keep := func(d time.Duration) Rule[KeepAlive] { return Rule[KeepAlive]{lasting(d), Enforced} }
	for _, c := range []struct {
		keep   Rule[KeepAlive]
		runner ollama.Runner
		want   string
	}{
		{Rule[KeepAlive]{}, ollama.Runner{}, `{"model":"llama3.2","stream":false}`},
		{keep(-1), ollama.Runner{NumCtx: 8192}, `{"model":"llama3.2","keep_alive":-1,"options":{"num_ctx":8192},"stream":false}`},
		{keep(time.Minute), ollama.Runner{Rest: `"num_gpu":3`, NoShift: true}, `{"model":"llama3.2","keep_alive":"1m0s","options":{"num_gpu":3},"shift":false,"stream":false}`},
		{Rule[KeepAlive]{}, ollama.Runner{NumCtx: 4, Rest: `"num_batch":9`}, `{"model":"llama3.2","options":{"num_ctx":4,"num_batch":9},"stream":false}`},
	} {
		got := Load("llama3.2", c.keep, c.runner)
		if string(got) != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
		o := object(t, string(got))
		if r, ok := o.Runner(); !ok || r != c.runner || !o.Empty(ollama.FieldPrompt) {
			t.Errorf("%s is read as %+v", got, r)
		}
	}
}

// judge is what Ollama would read: encoding/json into its request types (api/types.go).
type judge struct {
	Model     string         `json:"model"`
	KeepAlive *judgeDuration `json:"keep_alive"`
	Options   map[string]any `json:"options"`
}

type judgeDuration struct{ time.Duration }

// UnmarshalJSON is Duration.UnmarshalJSON of Ollama's api/types.go.
func (d *judgeDuration) UnmarshalJSON(b []byte) (err error) {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	switch t := v.(type) {
	case float64:
		d.Duration = time.Duration(t * float64(time.Second))
		if t < 0 {
			d.Duration = math.MaxInt64
		}
	case string:
		if d.Duration, err = time.ParseDuration(t); err == nil && d.Duration < 0 {
			d.Duration = math.MaxInt64
		}
	default:
		err = fmt.Errorf("unsupported type: %T", v)
	}
	return err
}

func judged(body []byte) (j judge, err error) {
	err = json.NewDecoder(bytes.NewReader(body)).Decode(&j)
	return j, err
}

// FuzzEdits holds the promise: what Ollama accepts says the same when it has been edited, but for
// what was wished for; and there is nothing left to edit.
func FuzzEdits(f *testing.F) {
	for _, body := range []string{
		`{"model":"a","messages":[{"role":"user","content":"hi"}],"stream":false}`, `{}`, `null`, ` { } x`, `{"options":{}}`, `{"options":null}`,
		`{"options":{"num_ctx":4096},"keep_alive":"30s"}`, `{"options":{"a":1},"OPTIONS":{"num_ctx":2,"a":null}}`, `{"Options":{"num_\u0063tx":null}}`,
		`{"options":{"num_ctx":4096},"options":null,"options":{"b":[{"num_ctx":1}]}}`, `{"keep_alive":30,"keep_alive":null}`,
		`{"Model":"a","keep_aliv\u0065":-1,"model":"b"}`, `{"options":5}`, `{"options":{"a":}}`, `{"options":{"a":[}}`, `{"keep_alive":bad}`, `{"\u212Aeep_alive":1e30}`,
	} {
		f.Add([]byte(body), 30, uint16(4096), uint8(10))
	}
	f.Fuzz(func(t *testing.T, body []byte, keep int, numCtx uint16, force uint8) {
		w := Wish{Rule[KeepAlive]{lasting(time.Duration(keep%1000) * time.Second), Force(force & 3 % 3)}, Rule[int]{int(numCtx), Force(force >> 2 & 3 % 3)}}
		w.promise(t, body)
	})
}

// promise is what FuzzEdits holds.
func (w Wish) promise(t *testing.T, body []byte) {
	t.Helper()
	o, err := ollama.ReadObject(body)
	if err != nil {
		return
	}
	out := edited(&o, w)
	before, err := judged(body)
	if err != nil || bytes.HasPrefix(bytes.TrimSpace(body), []byte("null")) {
		return
	}
	after, err := judged(out)
	if err != nil {
		t.Fatalf("%q was edited to %q: %v", body, out, err)
	}
	w.check(t, body, out, before, after)
	again, err := ollama.ReadObject(out)
	if err != nil || w.Edits(&again) != nil {
		t.Fatalf("%q was edited to %q: %v, and is edited again to %q", body, out, err, edited(&again, w))
	}
	if a, b := others(t, body), others(t, out); a != b {
		t.Fatalf("%q was edited to %q: something else changed: %s, was %s", body, out, b, a)
	}
}

// Bytes changed at random seldom make a body that says things twice, so such bodies are also put together.
var (
	somethings = []string{`"model":"a"`, `"model" : "b" `, `"keep_alive":null`, `"keep_alive":"30s"`, ` "KEEP_ALIVE":30`, `"\u212Aeep_aliv\u0065":-1`, `"keep_alive":"5m"`,
		`"options":null`, `"OPTIONS" : null`, `"x":{"options":{"num_ctx":7}}`}
	someOptions = []string{`"num_ctx":4096`, `"num_ctx":4096.0`, ` "num_ctx":null `, `"num_\u0063tx":8`, `"NUM_CTX":9`, `"num_ctx":"many"`, `"seed":1`, `"seed" : [2,{"num_ctx":3}] `, `"a\n":null`}
)

func TestBodiesThatSayThingsTwiceKeepThePromise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, most int, also func() string) string {
		var out []string
		for range r.IntN(most + 1) {
			if s := from[r.IntN(len(from))]; also != nil && r.IntN(3) == 0 {
				out = append(out, also())
			} else {
				out = append(out, s)
			}
		}
		return "{" + strings.Join(out, ",") + "}"
	}
	options := func() string {
		return []string{`"options":`, `"Options" : `, `"opt\u0069ons":`}[r.IntN(3)] + pick(someOptions, 4, nil)
	}
	for range 15_000 {
		w := wish(30*time.Second, 4096, Unsaid)
		w.KeepAlive.Force, w.NumCtx.Force = Force(r.IntN(3)), Force(r.IntN(3))
		w.promise(t, []byte(pick(somethings, 6, options)))
	}
}

// check compares what Ollama reads before and after.
func (w Wish) check(t *testing.T, body, out []byte, before, after judge) {
	t.Helper()
	was, is := -2*time.Hour, -2*time.Hour
	if before.KeepAlive != nil {
		was = before.KeepAlive.Duration
	}
	if after.KeepAlive != nil {
		is = after.KeepAlive.Duration
	}
	if w.KeepAlive.Force == Enforced || w.KeepAlive.Force == Default && before.KeepAlive == nil {
		was = time.Duration(w.KeepAlive.Value)
	}
	context, asked := before.Options["num_ctx"]
	if w.NumCtx.Force == Enforced || w.NumCtx.Force == Default && context == nil {
		context, asked = float64(w.NumCtx.Value), true
	}
	now := after.Options["num_ctx"]
	if f, ok := now.(float64); ok && w.NumCtx.Force == Enforced {
		now = math.Trunc(f)
	}
	if before.Model != after.Model || was != is || !reflect.DeepEqual(context, now) {
		t.Fatalf("%q was edited to %q: %+v, want keep_alive %v and num_ctx %v", body, out, after, was, context)
	}
	delete(before.Options, "num_ctx")
	delete(after.Options, "num_ctx")
	same := reflect.DeepEqual(before.Options, after.Options) || len(before.Options)+len(after.Options) == 0 && asked
	if !same {
		t.Fatalf("%q was edited to %q: options %v, were %v", body, out, after.Options, before.Options)
	}
}

// others is every member but those that rules are for, byte for byte, in order.
func others(t *testing.T, body []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		if s := key.(string); !strings.EqualFold(s, "options") && !strings.EqualFold(s, "keep_alive") {
			fmt.Fprintf(&b, "%q:%s,", s, raw)
		}
	}
	return b.String()
}

// everyday is a chat request of a few messages.
func everyday(more string) string {
	const message = `{"role":"user","content":"Why is the sky blue? Explain it to a child, in three sentences, without any formula."}`
	return `{"model":"llama3.2","messages":[` + strings.Repeat(message+",", 19) + message + `],"stream":true` + more + `}`
}

func BenchmarkEditsOfARequestThatSaysNothing(b *testing.B) {
	benchmarkEdits(b, "", wish(30*time.Minute, 8192, Default))
}

func BenchmarkEditsOfARequestThatAgrees(b *testing.B) {
	benchmarkEdits(b, `,"keep_alive":"30m","options":{"temperature":0.7,"num_ctx":8192,"top_p":0.9}`, wish(30*time.Minute, 8192, Enforced))
}

func BenchmarkEditsOfARequestThatIsOverruled(b *testing.B) {
	benchmarkEdits(b, `,"keep_alive":"5m","options":{"temperature":0.7,"num_ctx":2048,"top_p":0.9}`, wish(30*time.Minute, 8192, Enforced))
}

func BenchmarkEditsWithoutRules(b *testing.B) { benchmarkEdits(b, "", Wish{}) }

func benchmarkEdits(b *testing.B, more string, w Wish) {
	o := object(b, everyday(more))
	b.ReportAllocs()
	for b.Loop() {
		w.Edits(o)
	}
}

func TestARunnerIsAsRulesHaveIt(t *testing.T) {
	for _, c := range []struct {
		rule        Rule[int]
		asked, want int
	}{
		{Rule[int]{}, 0, 0},
		{Rule[int]{}, 2048, 2048},
		{Rule[int]{8192, Default}, 0, 8192},
		{Rule[int]{8192, Default}, 2048, 2048},
		{Rule[int]{8192, Enforced}, 0, 8192},
		{Rule[int]{8192, Enforced}, 2048, 8192},
	} {
		asked := ollama.Runner{NumCtx: c.asked, Rest: `"num_gpu":1`, NoShift: true}
		want := asked
		want.NumCtx = c.want
		if got := (Wish{NumCtx: c.rule}).Runner(asked); got != want {
			t.Errorf("%+v, asked %d: %+v", c.rule, c.asked, got)
		}
	}
}

func TestAnEnforcedKeepAliveMendsNothingThatTheServerRefuses(t *testing.T) {
	const last = `"options":{"num_ctx":4096},`
	for said, want := range map[string]string{
		`true`: `true`, `"30"`: `"30"`, `{}`: `{}`, `[1]`: `[1]`, `""`: `""`, `"soon"`: `"soon"`, `1e999`: `1e999`,
		`1e300`: `-1`, `"1h"`: `-1`, `0`: `-1`, `null`: `-1`, `"30s"`: `-1`, `1e10`: `-1`,
	} {
		body := func(keep string) string { return `{"keep_alive":` + keep + `,` + last + `"model":"m"}` }
		if got := string(edited(object(t, body(said)), wish(-1, 4096, Enforced))); got != body(want) {
			t.Errorf("got %s, want %s", got, body(want))
		}
	}
}
