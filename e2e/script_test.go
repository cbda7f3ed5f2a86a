package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"gollamas/internal/ollamatest"
)

// The scripts run the real command line. Besides what testscript has, they can say:
//
//	drawn FILE               the last command has left these lines on a terminal, in some order but for the last one
//	on MODEL [SERVER...]     just these list the model themselves, and gollamas with them
//	reached PATH [SERVER...] just these have got requests with this path since the last such line
//	slow SERVER PATH         it takes its time between the records of its answers
//	breaks SERVER PATH N WHY its next such answer ends with an error after N records
//	answers SERVER PATH TEXT its answers are this text, with status 200
//	dies SERVER              it is gone
func TestScriptsOfTheCommandLine(t *testing.T) {
	path := binary(t)
	for _, k := range []kind{pretended, newer} {
		runScripts(t, path, k, "any", "pretend")
	}
	runScripts(t, path, real, "any")
}

func runScripts(t *testing.T, path string, k kind, dirs ...string) {
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("testdata", "scripts", dir, "*.txtar"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no scripts in %s: %v", dir, err)
		}
		for _, file := range files {
			t.Run(k.name+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				runScript(t, path, newManaged(t, k, "--manage"), file)
			})
		}
	}
}

func runScript(t *testing.T, path string, f *managed, file string) {
	testscript.Run(t, testscript.Params{
		Files: []string{file},
		Setup: func(env *testscript.Env) error {
			for _, v := range ollamaEnv(t, strings.TrimPrefix(f.url, "http://")) {
				name, value, _ := strings.Cut(v, "=")
				env.Setenv(name, value)
			}
			models, err := filepath.Abs(filepath.Join("testdata", "models"))
			if err != nil {
				return err
			}
			env.Setenv("MODELS", models)
			bin := t.TempDir()
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			return os.Symlink(path, filepath.Join(bin, "ollama"))
		},
		Cmds: f.commands(t),
	})
}

func (f *managed) commands(t *testing.T) map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	say := func(do func(ts *testscript.TestScript, args []string)) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) == 0 {
				ts.Fatalf("that cannot be said")
			}
			do(ts, args)
		}
	}
	is := func(ts *testscript.TestScript, what, got string, want []string) {
		if got != strings.Join(want, " ") {
			ts.Fatalf("%s %q, not %q", what, got, want)
		}
	}
	arm := func(id string, fault ollamatest.Fault) { f.boxes[id].pretend.Fault(fault) }
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"drawn": say(func(ts *testscript.TestScript, args []string) {
			if wrong := drawn(ts.ReadFile("stderr")+ts.ReadFile("stdout"), ts.ReadFile(args[0])); wrong != "" {
				ts.Fatalf("%s", wrong)
			}
		}),
		"on": say(func(ts *testscript.TestScript, args []string) {
			is(ts, args[0]+" is on", f.has(t, args[0]), args[1:])
			if listed := lists(t, f.url, args[:1]); listed != (len(args) > 1) {
				ts.Fatalf("gollamas lists %s: %t", args[0], listed)
			}
		}),
		"reached": say(func(ts *testscript.TestScript, args []string) {
			is(ts, args[0]+" reached", f.asked(args[0]), args[1:])
			f.forget()
		}),
		"slow": say(func(_ *testscript.TestScript, args []string) { slowly(f.boxes[args[0]], args[1]) }),
		"breaks": say(func(ts *testscript.TestScript, args []string) {
			fault := ollamatest.Fault{Kind: ollamatest.ErrorRecord, Path: args[1], Body: args[3], Times: 1}
			_, err := fmt.Sscan(args[2], &fault.After)
			ts.Check(err)
			arm(args[0], fault)
		}),
		"answers": say(func(_ *testscript.TestScript, args []string) {
			arm(args[0], ollamatest.Fault{Kind: ollamatest.Status, Path: args[1], Status: 200, Body: args[2]})
		}),
		"dies": say(func(_ *testscript.TestScript, args []string) { f.boxes[args[0]].stop() }),
	}
}
