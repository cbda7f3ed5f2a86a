package ollama

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// judge is what Ollama would read: encoding/json into a struct of its own.
type judge struct {
	Model string `json:"model"`
	Name  string `json:"name"`
}

func judged(body []byte) (judge, error) {
	var j judge
	err := json.NewDecoder(bytes.NewReader(body)).Decode(&j)
	return j, err
}

var bodies = []string{
	`{"model":"a"}`, `{"MODEL":"a"}`, `{"model":"a","Model":"b"}`, `{"Model":"b","model":"a"}`, `{"model":"a","model":null}`,
	`{"model":"a","model":""}`, `{"mo\u0064el":"a"}`, `{"model":"\u0061"}`, `{"model":"a"} junk`, `{"model":"a"}{"model":"b"}`,
	`{"options":{"model":"b"},"model":"a"}`, `{"messages":[{"content":"\"model\":\"b\""}],"model":"a"}`, `{}`, `null`, ` { } `,
	`{"name":"n"}`, `{"model":"","name":"n"}`, `{"model":"a","x":[[{"y":"}"}]],"model":"b"}`, `{"model":5}`, `{"model":["a"]}`,
	`{"model":{"model":"b"}}`, `{"model":true,"model":"a"}`, `{"model":"a","n":12345678901234567890.000,"e":1e400}`,
	"\ufeff{\"model\":\"a\"}", `[]`, `"x"`, `5`, `{bad`, `{"model":"a"`, `{"model":"a",}`, `{"model" "a"}`, `{"model":"a" "b"}`, `{"model":}`, `{"model":A}`, `1e7000`,
	`{"\\":1,"model":"a"}`, `{"a\\\"":"\\","model":"a"}`, `{"model":"` + "\xff" + `"}`, `{"` + "\xff" + `":1,"model":"a"}`, "",
	`{"Name":"x","model":"m"}`, `{"model":"a","messages":[{"role":"user","content":"` + strings.Repeat(`\\\"`, 50) + `"}]}`,
}

func TestABodyIsReadAsEncodingJSONReadsIt(t *testing.T) {
	for _, body := range bodies {
		checkAgainstJudge(t, []byte(body))
	}
}

func FuzzReadObject(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkAgainstJudge(t, body) })
}

// checkAgainstJudge holds the promise: whatever Ollama accepts, it reads the
// model we read; whatever we refuse, it refuses; and what is ambiguous is
// settled by one splice, after which every parser agrees.
func checkAgainstJudge(t *testing.T, body []byte) {
	t.Helper()
	want, wantErr := judged(body)
	o, err := ReadObject(body)
	var model, name string
	if err == nil {
		if model, err = o.String(FieldModel); err == nil {
			name, err = o.String(FieldName)
		}
	}
	if errors.Is(err, ErrTooOften) {
		return
	}
	if wantErr == nil {
		if err != nil || model != want.Model || name != want.Name {
			t.Fatalf("%q: read %q %q %v, encoding/json reads %q %q", body, model, name, err, want.Model, want.Name)
		}
	} else if err != nil && !sameError(err, wantErr) {
		t.Fatalf("%q: error %q, encoding/json says %q", body, err, wantErr)
	}
	if wantErr != nil || len(o.members[FieldModel]) == 0 {
		return
	}
	checkReplaced(t, o, want)
}

func sameError(err, want error) bool {
	var typ *TypeError
	if errors.As(err, &typ) {
		return typ.Text("ollama.judge") == want.Error()
	}
	return err.Error() == want.Error() || errors.Is(err, io.EOF) && errors.Is(want, io.EOF)
}

func checkReplaced(t *testing.T, o Object, want judge) {
	t.Helper()
	out := bytes.Join(Segments(o.Body, o.Replace(FieldModel, "target:7b")), nil)
	got, err := judged(out)
	if err != nil || got.Model != "target:7b" || got.Name != want.Name {
		t.Fatalf("%q spliced to %q: %+v %v", o.Body, out, got, err)
	}
	again, err := ReadObject(out)
	if err != nil || again.Ambiguous(FieldModel) {
		t.Fatalf("%q spliced to %q: still ambiguous (%v)", o.Body, out, err)
	}
	if before, after := otherMembers(t, o.Body), otherMembers(t, out); before != after {
		t.Fatalf("%q spliced to %q: something else changed: %s, was %s", o.Body, out, after, before)
	}
}

// otherMembers is every top-level member that is not the model, byte for byte, in order.
func otherMembers(t *testing.T, body []byte) string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var b strings.Builder
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		if !strings.EqualFold(key.(string), "model") {
			b.WriteString(key.(string) + ":" + string(raw) + ",")
		}
	}
	return b.String()
}

func TestOnePlainFieldIsSplicedAndNoOtherByte(t *testing.T) {
	body := `{ "a" : 1.000 , "model" :  "x" ,"z":"\u00e4"} tail`
	o, err := ReadObject([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	got := string(bytes.Join(Segments(o.Body, o.Replace(FieldModel, "y")), nil))
	if want := `{ "a" : 1.000 , "model" :  "y" ,"z":"\u00e4"} tail`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestAmbiguousFieldBecomesOne(t *testing.T) {
	for body, want := range map[string]string{
		`{"Model":"a","x":1,"model":"b"}`:        `{"model":"t","x":1}`,
		`{"x":1,"MODEL":"a"}`:                    `{"x":1,"model":"t"}`,
		`{"model":"a","model":null,"y":[1,2]}`:   `{"model":"t","y":[1,2]}`,
		`{"a":0, "mo\u0064el" : "a" , "b" : 2 }`: `{"a":0, "model":"t" , "b" : 2 }`,
	} {
		o, err := ReadObject([]byte(body))
		if err != nil || !o.Ambiguous(FieldModel) {
			t.Fatalf("%s: %v", body, err)
		}
		if got := string(bytes.Join(Segments(o.Body, o.Replace(FieldModel, "t")), nil)); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestAFieldThatStandsThereTooOftenIsRefusedBeforeItCostsAnything(t *testing.T) {
	body := []byte("{" + strings.Repeat(`"model":null,`, 1<<20) + `"model":"a"}`)
	if _, err := ReadObject(body); !errors.Is(err, ErrTooOften) {
		t.Error(err)
	}
	allocs := testing.AllocsPerRun(1, func() { ReadObject(body) })
	if allocs > 20 {
		t.Errorf("%v allocations", allocs)
	}
	often := []byte("{" + strings.Repeat(`"model":null,`, mostOften-1) + `"model":"a"}`)
	if o, err := ReadObject(often); err != nil {
		t.Error(err)
	} else if s, _ := o.String(FieldModel); s != "a" {
		t.Errorf("read %q", s)
	}
}

func TestEmptyLooksAtNoMoreThanTheFirstByte(t *testing.T) {
	for raw, want := range map[string]bool{"[]": true, "[ \n]": true, "[1]": false, `""`: true, `"x"`: false, "0": true, "-1": true, "3": false, "0.5": false, "null": true, "{}": false, "true": false} {
		o, err := ReadObject([]byte(`{"messages":` + raw + `}`))
		if err != nil || o.Empty(FieldMessages) != want {
			t.Errorf("%s: %v %v", raw, o.Empty(FieldMessages), err)
		}
	}
	long := []byte(`{"messages":[` + strings.Repeat("1,", 1<<20) + `1]}`)
	o, _ := ReadObject(long)
	if allocs := testing.AllocsPerRun(1, func() { o.Empty(FieldMessages) }); allocs > 2 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestTypeErrorsHaveOllamasText(t *testing.T) {
	o, err := ReadObject([]byte(`{"model":5}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.String(FieldModel)
	var typ *TypeError
	if !errors.As(err, &typ) {
		t.Fatal(err)
	}
	if got, want := typ.Text("api.ChatRequest"), "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	_, err = ReadObject([]byte(`[]`))
	if !errors.As(err, &typ) || typ.Text("openai.EmbedRequest") != "json: cannot unmarshal array into Go value of type openai.EmbedRequest" {
		t.Errorf("array: %v", err)
	}
}

// picture is a chat request of 8 MiB with a picture in it.
func picture() []byte {
	return []byte(`{"model":"llava","stream":false,"messages":[{"role":"user","content":"what is it?","images":["` +
		strings.Repeat("iVBORw0KGgo+", 8<<20/12) + `"]}],"options":{"temperature":0}}`)
}

func BenchmarkReadObjectPicture(b *testing.B) {
	body := picture()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		o, err := ReadObject(body)
		if s, _ := o.String(FieldModel); err != nil || s != "llava" {
			b.Fatal(s, err)
		}
	}
}

func BenchmarkReadObjectSmall(b *testing.B) {
	body := []byte(`{"model":"tiny-chain","messages":[{"role":"user","content":"hello there"}],"stream":false}`)
	b.ReportAllocs()
	for b.Loop() {
		o, _ := ReadObject(body)
		if s, _ := o.String(FieldModel); s != "tiny-chain" {
			b.Fatal(s)
		}
	}
}

func BenchmarkEncodingJSONPicture(b *testing.B) {
	body := picture()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if j, err := judged(body); err != nil || j.Model != "llava" {
			b.Fatal(j, err)
		}
	}
}
