package cli

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gollamas/internal/ollamatest"
)

// TestMain makes the test binary answer to the name gollamas in scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gollamas": func() { os.Exit(Main(os.Args[1:])) }})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: servers})
}

// servers gives a script two servers with variants, $MAIN and $MINI, two that have not the same, $EAST and $WEST, and an
// address where there is none, $GONE.
func servers(env *testscript.Env) error {
	digest := func(c string) string { return strings.Repeat(c, 64) }
	model := func(name, c string) ollamatest.Model { return ollamatest.Model{Name: name, Digest: digest(c)} }
	main := []ollamatest.Model{
		model("m", "a"), model("gollamas/m:latest-ctx8192-aaaaaaaaaaaa", "1"), model("gollamas/m:latest-ctx4096-aaaaaaaaaaaa", "2"),
		model("gollamas/m:latest-ctx8192-ffffffffffff", "3"), model("qwen3:8b", "b"), model("gollamas/mine", "4"),
		model("phi4", "c"), model("gollamas/phi4:latest-ctx2048-cccccccccccc", "5"), model("gollamas/tinyllama:1.1b-ctx8192-dddddddddddd", "6"),
	}
	mini := []ollamatest.Model{model("m", "a"), model("gollamas/m:latest-ctx4096-aaaaaaaaaaaa", "2")}
	dated := func(name, c string, day int) ollamatest.Model {
		return ollamatest.Model{Name: name, Digest: digest(c), Modified: time.Date(2026, 8, day, 9, 30, 0, 0, time.UTC)}
	}
	east := []ollamatest.Model{dated("m", "a", 20), dated("phi4", "c", 20), dated("qwen3:8b", "e", 1), {Name: "stub", RemoteHost: "https://ollama.com:443", RemoteModel: "x"}}
	west := []ollamatest.Model{dated("phi4", "d", 3), dated("qwen3:8b", "f", 1)}
	for name, models := range map[string][]ollamatest.Model{"MAIN": main, "MINI": mini, "EAST": east, "WEST": west, "GONE": nil} {
		s, err := ollamatest.Start(ollamatest.Options{Models: models})
		if err != nil {
			return err
		}
		env.Setenv(name, s.URL())
		if models == nil {
			s.Close()
		} else {
			env.Defer(s.Close)
		}
	}
	return nil
}

func TestServeEndsWhereAnOperatorsAddressThatWasAskedForIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var out strings.Builder
	code := terminal{err: &out, getenv: func(string) string { return "" }}.run(
		[]string{"--connection", "a=http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--admin", l.Addr().String()})
	want := "gollamas: admin: " + l.Addr().String() + " is taken: choose another address with --admin, or none with --admin off\n"
	if code != 1 || out.String() != want {
		t.Errorf("%d %s\nwant %s", code, out.String(), want)
	}
}
