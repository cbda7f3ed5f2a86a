package ollama

import "testing"

func TestWhatAModelIsToBeLoadedWithIsRead(t *testing.T) {
	for body, want := range map[string]Runner{
		`{}`:             {},
		`{"shift":true}`: {},
		`{"shift":false,"options":{"num_ctx":4096,"seed":1}}`:                                                        {NumCtx: 4096, NoShift: true},
		`{"options":{"num_gpu":0,"use_mmap": false ,"num_batch":256}}`:                                               {Rest: `"num_batch":256,"num_gpu":0,"use_mmap":false`},
		`{"options":{"num_thread":4,"num_thread":null,"main_gpu":1},"OPTIONS":{"main_gpu":2,"draft_num_predict":3}}`: {Rest: `"main_gpu":2,"draft_num_predict":3`},
		`{"options":{"num_batch":4},"options":null}`:                                                                 {},
		`{"options":{"num_batch":4,"num_ctx":5},"options":7}`:                                                        {}, // it is refused
		`{"options":{"NUM_BATCH":4}}`:                                                                                {},
	} {
		o, err := ReadObject([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Runner(); got != want {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
}

func TestTheOptionAtFaultForAReloadIsNamed(t *testing.T) {
	for _, c := range []struct {
		had, wants Runner
		fault      string
	}{
		{Runner{}, Runner{}, ""},
		{Runner{NumCtx: 1}, Runner{NumCtx: 2}, ""}, // what is made of it only the server knows
		{Runner{Rest: `"num_batch":256`}, Runner{Rest: `"num_batch":512`}, "num_batch"},
		{Runner{Rest: `"num_batch":256,"num_thread":4`}, Runner{Rest: `"num_batch":256`}, "num_thread"},
		{Runner{Rest: `"num_gpu":20`}, Runner{}, ""},
		{Runner{}, Runner{Rest: `"num_gpu":20`}, "num_gpu"},
		{Runner{Rest: `"num_gpu":20`}, Runner{Rest: `"main_gpu":1`}, "main_gpu"},
		{Runner{}, Runner{NoShift: true}, "shift"},
	} {
		if got := c.had.Fault(c.wants); got != c.fault {
			t.Errorf("%+v and then %+v: %q, want %q", c.had, c.wants, got, c.fault)
		}
	}
}
