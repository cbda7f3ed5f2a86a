package ollama

import "bytes"

// A Runner is what a model is to be loaded with: a request that differs in any of it has a loaded
// model loaded again (sched.go, needsReload). The zero value leaves everything to the server and the model.
type Runner struct {
	NumCtx  int    // tokens of context, 0 = not said
	Rest    string // the other options, as members of a JSON object in the order of runnerOptions
	NoShift bool   // "shift": false
}

// runnerOptions are the options that a model is loaded with, but for num_ctx.
var runnerOptions = [...]string{"num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict"}

// Runner is what a native request asks its model to be loaded with.
func (o *Object) Runner() Runner {
	r := Runner{NoShift: !o.Bool(FieldShift, true)}
	if !o.Stands(FieldOptions) {
		return r
	}
	var said [len(runnerOptions)][]byte
	ok := o.eachOption(func(m member, key []byte) error {
		for i, want := range runnerOptions {
			if string(key) == want {
				said[i] = o.Body[m.val.from:m.val.to]
			}
		}
		return nil
	})
	if !ok {
		return r // the server refuses it
	}
	r.NumCtx = o.NumCtx()
	var rest []byte
	for i, raw := range said {
		if raw == nil || raw[0] == 'n' {
			continue
		}
		if rest != nil {
			rest = append(rest, ',')
		}
		rest = plainMember(rest, runnerOptions[i], raw)
	}
	r.Rest = string(rest)
	return r
}

// Fault is the option for which a model loaded with r would be loaded again for a request that
// asks for other, "" = for none. num_ctx is left to the caller, who knows what the server makes of it.
func (r Runner) Fault(other Runner) string {
	if r.Rest != other.Rest {
		for _, key := range runnerOptions {
			had, wants := r.option(key), other.option(key)
			if !bytes.Equal(had, wants) && (key != "num_gpu" || wants != nil) { // who leaves that to the server takes what there is
				return key
			}
		}
	}
	if r.NoShift != other.NoShift {
		return "shift"
	}
	return ""
}

// option is the value of one of the other options, nil where it is not said.
func (r Runner) option(key string) (value []byte) {
	b := []byte("{" + r.Rest + "}")
	_ = eachMember(b, 0, func(m member) error { // Rest is put together here, so it can be read
		if k, _ := keyOf(b, m); string(k) == key {
			value = b[m.val.from:m.val.to]
		}
		return nil
	})
	return value
}
