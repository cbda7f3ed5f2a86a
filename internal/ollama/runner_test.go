package ollama

import (
	"strings"
	"testing"
)

func TestWhatAModelIsToBeLoadedWithIsRead(t *testing.T) {
	long := strings.Repeat("1", 40)
	for body, want := range map[string]struct {
		Runner
		ok bool
	}{
		`{}`:             {Runner{}, true},
		`{"shift":true}`: {Runner{}, true},
		`{"shift":false,"options":{"num_ctx":4096,"seed":1}}`:                                            {Runner{NumCtx: 4096, NoShift: true}, true},
		`{"options":{"num_gpu":0,"use_mmap": false ,"num_batch":256.9}}`:                                 {Runner{Rest: `"num_batch":256,"num_gpu":0,"use_mmap":false`}, true},
		`{"options":{"num_thread":4,"num_thread":null,"main_gpu":1},"OPTIONS":{"main_gpu":2e0}}`:         {Runner{Rest: `"main_gpu":2`}, true},
		`{"options":{"num_batch":512,"num_gpu":-1,"main_gpu":0,"num_thread":0,"draft_num_predict":0.0}}`: {Runner{}, true}, // as Ollama has it anyway
		`{"options":{"num_batch":4},"options":null}`:                                                     {Runner{}, true},
		`{"options":{"num_ctx":0}}`:                                                                      {Runner{NumCtx: 4}, true},
		`{"options":{"num_ctx":-7}}`:                                                                     {Runner{NumCtx: 4}, true},
		`{"options":{"num_ctx":null}}`:                                                                   {Runner{}, true},
		`{"options":{"NUM_BATCH":4}}`:                                                                    {Runner{}, true},
		`{"options":{"num_batch":4,"num_ctx":5},"options":7}`:                                            {Runner{}, false},
		`{"options":{"num_ctx":"many"}}`:                                                                 {Runner{}, false},
		`{"options":{"num_batch":[1]}}`:                                                                  {Runner{}, false},
		`{"options":{"num_batch":` + long + `}}`:                                                         {Runner{}, false},
		`{"options":{"num_ctx":9e15}}`:                                                                   {Runner{}, false},
	} {
		o, err := ReadObject([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := o.Runner(); ok != want.ok || ok && got != want.Runner {
			t.Errorf("%s: %+v %v, want %+v %v", body, got, ok, want.Runner, want.ok)
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
