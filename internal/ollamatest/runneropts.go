package ollamatest

import (
	"fmt"
	"slices"
)

// runnerOptions are the options a model is loaded with: to change one is to load it again.
type runnerOptions struct {
	numCtx   int
	auto     bool // nobody said num_ctx
	numBatch int
	numGPU   int
	mainGPU  int
	useMMap  string
	threads  int
	draft    int
	noShift  bool
}

var (
	integerOptions = []string{"num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict"}
	floatOptions   = []string{"top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty"}
)

// resolved are the options of one request: the model's own, overlaid by the request's.
type resolved struct {
	runner     runnerOptions
	numPredict int
}

func (s *Server) resolve(m *installed, asked map[string]any) (resolved, error) {
	r := resolved{runner: runnerOptions{numCtx: s.opts.NumCtx, auto: true, numBatch: 512, numGPU: -1}}
	for _, opts := range []map[string]any{m.params, asked} {
		for key, v := range opts {
			if v == nil {
				continue
			}
			if err := checkOption(key, v); err != nil {
				return r, err
			}
			r.set(key, v)
		}
	}
	r.runner.numCtx = max(r.runner.numCtx, 4)
	if m.can("vision") {
		r.runner.numCtx = max(r.runner.numCtx, 2048)
	}
	return r, nil
}

func (r *resolved) set(key string, v any) {
	n, _ := v.(float64)
	switch key {
	case "num_ctx":
		r.runner.numCtx, r.runner.auto = int(n), false
	case "num_batch":
		r.runner.numBatch = int(n)
	case "num_gpu":
		r.runner.numGPU = int(n)
	case "main_gpu":
		r.runner.mainGPU = int(n)
	case "num_thread":
		r.runner.threads = int(n)
	case "draft_num_predict":
		r.runner.draft = int(n)
	case "use_mmap":
		r.runner.useMMap = fmt.Sprint(v)
	case "num_predict":
		r.numPredict = int(n)
	}
}

// checkOption has the texts of Ollama, which answers them with 500.
func checkOption(key string, v any) error {
	var ok bool
	kind := ""
	switch {
	case slices.Contains(integerOptions, key):
		kind = "integer"
		_, ok = v.(float64)
	case slices.Contains(floatOptions, key):
		kind = "float32"
		_, ok = v.(float64)
	case key == "use_mmap":
		kind = "boolean"
		_, ok = v.(bool)
	case key == "stop":
		list, isList := v.([]any)
		if kind, ok = "array", isList; ok {
			notString := func(v any) bool { _, is := v.(string); return !is }
			if slices.ContainsFunc(list, notString) {
				return fmt.Errorf("option %q must be of an array of strings", key)
			}
		}
	default:
		return nil // an unknown option is ignored
	}
	if !ok {
		return fmt.Errorf("option %q must be of type %s", key, kind)
	}
	return nil
}

// context is the context a model is given: never more than it was trained for.
func (o runnerOptions) context(m *installed) int { return min(o.numCtx, m.Context) }

// differs names the option for which the loaded model must be loaded again, "" if there is none;
// "died" if it is for no option.
func (m *memory) differs(r *runner, w wish) string {
	old, now := r.opts, w.opts
	if m.clamps {
		old.numCtx, now.numCtx = old.context(r.model), now.context(r.model)
	}
	switch {
	case r.dead:
		return "died"
	case old.numCtx != now.numCtx && !(old.auto && now.auto):
		return "num_ctx"
	case old.numBatch != now.numBatch:
		return "num_batch"
	case old.numGPU != now.numGPU && now.numGPU >= 0:
		return "num_gpu"
	case old.mainGPU != now.mainGPU:
		return "main_gpu"
	case old.useMMap != now.useMMap:
		return "use_mmap"
	case old.threads != now.threads:
		return "num_thread"
	case m.clamps && old.draft != now.draft:
		return "draft_num_predict"
	case m.clamps && old.noShift != now.noShift:
		return "shift"
	}
	return ""
}
