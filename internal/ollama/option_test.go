package ollama

import (
	"bytes"
	"testing"
)

func TestAnOptionIsSetAndNoOtherByteTouched(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"a"}`:                `{"options":{"num_ctx":9},"model":"a"}`,
		`{}`:                           `{"options":{"num_ctx":9}}`,
		` { } tail`:                    ` {"options":{"num_ctx":9} } tail`,
		`{"a":1.0, "options" : null }`: `{"a":1.0, "options" : {"num_ctx":9} }`,
		`{"options":{}}`:               `{"options":{"num_ctx":9}}`,
		`{"options": { "seed" : 1 } }`: `{"options": {"num_ctx":9, "seed" : 1 } }`,
		`{"options":{"seed":1, "num_ctx" : 5 , "top_k":2}}`:     `{"options":{"seed":1, "num_ctx" : 9 , "top_k":2}}`,
		`{"Options":{"num_\u0063tx":null}}`:                     `{"Options":{"num_\u0063tx":9}}`,
		`{"options":{"NUM_CTX":5}}`:                             `{"options":{"num_ctx":9,"NUM_CTX":5}}`,
		`{"options":{"num_ctx":5,"seed":1,"num_ctx":6}}`:        `{"options":{"num_ctx":9,"seed":1}}`,
		`{"options":{"a":1},"b":2,"OPTIONS":{"a":3,"c":[4]}}`:   `{"options":{"num_ctx":9,"a":1,"a":3,"c":[4]},"b":2}`,
		`{"x":0,"options":{"a":1},"options":null}`:              `{"x":0,"options":{"num_ctx":9}}`,
		`{"options":{"a":1},"options":null,"options":{"b":2}}`:  `{"options":{"num_ctx":9,"b":2}}`,
		`{"options":{"num_ctx":5},"options":{"num_ctx":null} }`: `{"options":{"num_ctx":9} }`,
		`{"options":5}`:                    `{"options":5}`, // the server refuses these
		`{"options":{"a":1},"options":[]}`: `{"options":{"a":1},"options":[]}`,
		`{"options":{"a" 1}}`:              `{"options":{"a" 1}}`,
		`null`:                             `null`,
	} {
		e := object(t, body).Edit()
		e.SetOption("num_ctx", []byte("9"))
		if got := spliced(body, e.Splices()); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestAFieldIsSet(t *testing.T) {
	for body, want := range map[string]string{
		`{"a":1, "keep_alive" : "5m" }`:                    `{"a":1, "keep_alive" : -1 }`,
		`{"a":1}`:                                          `{"keep_alive":-1,"a":1}`,
		`{"keep_alive":null}`:                              `{"keep_alive":-1}`,
		`{"Keep_Alive":5,"a":{"keep_alive":3}}`:            `{"keep_alive":-1,"a":{"keep_alive":3}}`,
		`{"a":1,"KEEP_ALIVE":5,"b":2,"\u212Aeep_alive":6}`: `{"a":1,"keep_alive":-1,"b":2}`, // the sign for kelvin is a k
		`null`: `null`,
	} {
		e := object(t, body).Edit()
		e.Set(FieldKeepAlive, []byte("-1"))
		if got := spliced(body, e.Splices()); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestAllEditsOfOneBodyGoTogether(t *testing.T) {
	for body, want := range map[string]string{
		`{"Model":"a","b":1,"model":"a"}`: `{"keep_alive":-1,"options":{"num_ctx":9},"model":"t","b":1}`,
		`{"Model":"a","options":null}`:    `{"keep_alive":-1,"model":"t","options":{"num_ctx":9}}`,
		`{"OPTIONS":{},"keep_alive":null,"model":"a","options":{"s":1},"Model":"b","keep_alive":3}`: `{"options":{"num_ctx":9,"s":1},"keep_alive":-1,"model":"t"}`,
	} {
		o := object(t, body)
		e := o.Edit()
		e.Set(FieldKeepAlive, []byte("-1"))
		e.SetOption("num_ctx", []byte("9"))
		all := append(o.Replace(FieldModel, "t"), e.Splices()...)
		if got := spliced(body, all); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func spliced(body string, edits []Splice) string {
	return string(bytes.Join(Segments([]byte(body), edits), nil))
}
