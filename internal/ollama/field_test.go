package ollama

import "testing"

func object(t *testing.T, body string) *Object {
	t.Helper()
	o, err := ReadObject([]byte(body))
	if err != nil {
		t.Fatal(body, err)
	}
	return &o
}

func TestTheContextAskedForIsRead(t *testing.T) {
	for body, want := range map[string]int{
		`{"options":{"num_ctx":8192}}`:                               8192,
		`{"options":{"temperature":0.1,"num_ctx":4096.0}}`:           4096,
		`{"OPTIONS":{"num_ctx":1024}}`:                               1024,
		`{"options":{"num_ctx":5},"options":{"num_ctx":6}}`:          6,
		`{"options":{"num_ctx":7},"options":null}`:                   0, // null empties a map
		`{"options":{"num_ctx":7},"OPTIONS":{"top_k":1}}`:            7, // two are merged
		`{"options":null,"options":{"num_\u0063tx":7}}`:              7,
		`{"options":{"num_ctx":7},"options":{"num_ctx":null}}`:       0,
		`{"options":{"num_ctx":7},"options":5}`:                      0, // the server refuses it
		`{"options":{"NUM_CTX":8192}}`:                               0, // an option matches in one case only
		`{"options":{"num_ctx":"8192"}}`:                             0, // the server refuses it
		`{"options":{"num_ctx":null}}`:                               0,
		`{"options":{"num_ctx":-5}}`:                                 4, // the least there is
		`{"options":{"num_ctx":1e99}}`:                               0,
		`{"options":[]}`:                                             0,
		`{"options":null}`:                                           0,
		`{}`:                                                         0,
		`{"messages":[{"options":{"num_ctx":8192}}],"num_ctx":8192}`: 0,
	} {
		if got, _ := object(t, body).Runner(); got.NumCtx != want {
			t.Errorf("%s: %d, want %d", body, got.NumCtx, want)
		}
	}
}

func TestWhetherAStreamIsAskedFor(t *testing.T) {
	for body, want := range map[string]bool{
		`{"stream":true}`: true, `{"stream":false}`: false, `{"Stream":false}`: false,
		`{"stream":null}`: true, `{}`: true, `{"stream":"no"}`: true, `{"stream":false,"stream":null}`: true,
	} {
		if got := object(t, body).Bool(FieldStream, true); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestA500IsTheServersFaultOnlyWhereItSaysSo(t *testing.T) {
	for text, want := range map[string]bool{
		"llama-server process has terminated: exit status 1: error loading model":                             true,
		"llama runner process has terminated: signal: killed":                                                 true,
		"model runner has unexpectedly stopped, this may be due to resource limitations or an internal error": true,
		"an error was encountered while running the model: unexpected EOF":                                    true,
		"model requires more system memory (8.0 GiB) than is available (4.0 GiB)":                             false,
		`error parsing tool call: raw='{"text":"the CUDA error"}', err=unexpected end of JSON input`:          false,
		"timed out waiting for llama runner to start - progress 0.00 - ":                                      true,
		`option "num_ctx" must be of type integer`:                                                            false,
		`invalid format: "x"; expected "json" or a valid JSON Schema object`:                                  false,
		"failed to process inputs: image: unknown format":                                                     false,
		"template: :1:2: executing":                                                                           false,
		"":                                                                                                    false,
	} {
		if got := ServerFault(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWhichRequestsOnlyUnload(t *testing.T) {
	for body, want := range map[string]bool{
		`{"model":"m","keep_alive":0}`:                      true,
		`{"model":"m","keep_alive":0.0,"prompt":""}`:        true,
		`{"model":"m","keep_alive":"0"}`:                    true,
		`{"model":"m","keep_alive":"0s","messages":[]}`:     true,
		`{"model":"m","keep_alive":"0h0m","messages":null}`: true,
		`{"model":"m","KEEP_ALIVE":5,"keep_alive":0}`:       true,
		`{"model":"m"}`:                                                                  false,
		`{"model":"m","keep_alive":null}`:                                                false,
		`{"model":"m","keep_alive":5}`:                                                   false,
		`{"model":"m","keep_alive":-1}`:                                                  false,
		`{"model":"m","keep_alive":"5m"}`:                                                false,
		`{"model":"m","keep_alive":""}`:                                                  false,
		`{"model":"m","keep_alive":"soon"}`:                                              false,
		`{"model":"m","keep_alive":{}}`:                                                  false,
		`{"model":"m","keep_alive":0,"prompt":"x"}`:                                      false,
		`{"model":"m","keep_alive":0,"messages":[{"role":"user","content":"x"}]}`:        false,
		`{"model":"m","keep_alive":"0s","messages":[ {"role":"user"}], "stream": false}`: false,
	} {
		o, err := ReadObject([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Unloads(); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
}
