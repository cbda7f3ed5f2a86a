package cli

import (
	"bufio"
	"cmp"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gollamas/internal/config"
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

func TestHelpFitsAScreenAndNamesEverySetting(t *testing.T) {
	var out strings.Builder
	if code := (terminal{out: &out}).run([]string{"--help"}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	text := out.String()
	for _, s := range config.Settings {
		for _, name := range append([]string{s.Flag()}, s.Flags...) {
			if !s.Rare && !strings.Contains(text, "-"+name) {
				t.Errorf("the help lacks --%s", name)
			}
		}
		if rule := "GOLLAMAS_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_")); s.Env[0] != rule {
			t.Errorf("the help says that --%s is %s, and it is %s", s.Flag(), rule, s.Env[0])
		}
	}
	for _, l := range config.Lists {
		for _, flag := range []string{l.Flag, cmp.Or(l.Plural, l.Flag)} {
			if !l.Rare && !strings.Contains(text, "--"+flag+" ") {
				t.Errorf("the help lacks --%s", flag)
			}
		}
		name := cmp.Or(l.Plural, l.Flag)
		if rule := "GOLLAMAS_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")); l.Env[0] != rule && l.Flag != "api-key" { // its variable holds several
			t.Errorf("the help says that --%s is %s, and it is %s", name, rule, l.Env[0])
		}
	}
	lines, width := 0, 0
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); lines++ {
		width = max(width, len(in.Text()))
	}
	if lines > 40 || width > 100 {
		t.Errorf("the help has %d lines, the longest of %d: a screen has 40 of 100", lines, width)
	}
}
