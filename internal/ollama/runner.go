package ollama

import (
	"bytes"
	"strconv"
)

// A Runner is what a model is to be loaded with: a request that differs in any of it has a loaded
// model loaded again (sched.go, needsReload). The zero value leaves everything to the server and the model.
type Runner struct {
	NumCtx  int    // tokens of context, 0 = not said
	Rest    string // the other options, as members of a JSON object in the order of runnerOptions
	NoShift bool   // "shift": false
}

// A runnerOption is an option that a model is loaded with. To say what Ollama has anyway is to say nothing
// (DefaultOptions in its api/types.go).
type runnerOption struct {
	key   string
	usual string
}

// runnerOptions are those but for num_ctx.
var runnerOptions = [...]runnerOption{
	{"num_batch", "512"}, {"num_gpu", "-1"}, {"main_gpu", "0"}, {"use_mmap", ""}, {"num_thread", "0"}, {"draft_num_predict", "0"},
}

// leastNumCtx is the smallest context that Ollama loads a model with.
const leastNumCtx = 4

// Runner is what a native request asks its model to be loaded with. ok is false where its options are not such
// as Ollama takes: it refuses them, or what it makes of them is not known.
func (o *Object) Runner() (r Runner, ok bool) {
	r.NoShift = !o.Bool(FieldShift, true)
	if !o.Stands(FieldOptions) {
		return r, true
	}
	var said [len(runnerOptions)][]byte
	var numCtx []byte
	ok = o.eachOption(func(m member, key []byte) error {
		if string(key) == "num_ctx" {
			numCtx = o.Body[m.val.from:m.val.to]
			return nil
		}
		for i, want := range runnerOptions {
			if string(key) == want.key {
				said[i] = o.Body[m.val.from:m.val.to]
			}
		}
		return nil
	})
	if !ok {
		return r, false
	}
	if numCtx != nil && numCtx[0] != 'n' {
		n, isNumber := whole(numCtx)
		if !isNumber || n > 1<<31 {
			return r, false
		}
		r.NumCtx = int(max(n, leastNumCtx))
	}
	var rest []byte
	for i, raw := range said {
		if raw == nil || raw[0] == 'n' {
			continue
		}
		value, fits := normal(raw)
		if !fits {
			return r, false
		}
		if value == runnerOptions[i].usual {
			continue
		}
		if rest != nil {
			rest = append(rest, ',')
		}
		rest = plainMember(rest, runnerOptions[i].key, []byte(value))
	}
	r.Rest = string(rest)
	return r, true
}

// normal is the value of an option as it is compared: Ollama cuts off what is behind a number's point.
func normal(raw []byte) (value string, ok bool) {
	if string(raw) == "true" || string(raw) == "false" {
		return string(raw), true
	}
	n, ok := whole(raw)
	return strconv.FormatInt(n, 10), ok
}

// whole reads a number as Ollama does one of its options (Options.FromMap).
func whole(raw []byte) (int64, bool) {
	const longest, most = 32, 1 << 53 // what is longer or larger nobody means
	if len(raw) > longest || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	return int64(f), err == nil && f < most && f > -most
}

// Fault is the option for which a model loaded with r would be loaded again for a request that
// asks for other, "" = for none. num_ctx is left to the caller, who knows what the server makes of it.
func (r Runner) Fault(other Runner) string {
	if r.Rest != other.Rest {
		for _, o := range runnerOptions {
			key := o.key
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
