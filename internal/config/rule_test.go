package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollama"
	"gollamas/internal/rewrite"
)

// rulings is what a Config rules, a line for each scope in order.
func rulings(c Config) string {
	var lines []string
	for _, r := range c.KeepAlive {
		lines = append(lines, ruled("keep_alive", r))
	}
	for _, r := range c.NumCtx {
		lines = append(lines, ruled("num_ctx", r))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func ruled[T comparable](setting string, r rewrite.Scoped[T]) string {
	force := map[rewrite.Force]string{rewrite.Default: "default", rewrite.Enforced: "enforce"}[r.Rule.Force]
	return fmt.Sprintf("%s %s@%s %s %v", setting, r.Model, r.Connection, force, r.Rule.Value)
}

const (
	two    = "connections: {main: http://main, mini: http://mini}\n"
	routed = two + "models: {llama3.2: [main, mini], 'deepseek-r1:14b': main, 'qwen*': mini}\naliases: {gpt: llama3.2}\n"
)

func TestTheShapesOfRulesInAFile(t *testing.T) {
	for file, want := range map[string]string{
		routed + "keep_alive: 30m":                                                                             "keep_alive @ default 30m0s",
		routed + "keep_alive: {default: 30m}":                                                                  "keep_alive @ default 30m0s",
		routed + "keep_alive: {enforce: -1}\nnum_ctx: 4":                                                       "keep_alive @ enforce -1\nnum_ctx @ default 4",
		routed + "num_ctx: {default: 4096, enforce: '${N}'}":                                                   "num_ctx @ default 4096\nnum_ctx @ enforce 8192",
		routed + "keep_alive: 0\nnum_ctx:\n# default: 5\n":                                                     "keep_alive @ default 0s",
		routed + "keep_alive: 90":                                                                              "keep_alive @ default 1m30s",
		"connections: {a: {url: http://a, keep_alive: 1h}}":                                                    "keep_alive @a default 1h0m0s",
		"connections: {a: {url: http://a, num_ctx: 8}}":                                                        "num_ctx @a default 8",
		"models: {'q*': {routes: 'http://h:1', num_ctx: 8}}":                                                   "num_ctx q*@ default 8",
		two + "models: {m: {routes: main, keep_alive: 1, on: {main: {num_ctx: {enforce: 5}, keep_alive: 2}}}}": "keep_alive m@ default 1s\nkeep_alive m@main default 2s\nnum_ctx m@main enforce 5",
		two + "models: {m: {routes: main, num_ctx: 9}, 'm:latest': {routes: main, num_ctx: 9}}":                "num_ctx m@ default 9",
	} {
		c, err := given(t, file, map[string]string{"N": "8192"})
		if err != nil || rulings(c) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", file, err, rulings(c), want)
		}
	}
}

func TestTheScopesOfAFlag(t *testing.T) {
	for flag, want := range map[string]string{
		"30m": "@ default 30m0s", "llama3.2=30m": "llama3.2@ default 30m0s", "@mini=-1": "@mini default -1", "llama3.2@mini = 0": "llama3.2@mini default 0s",
		"deepseek-r1:14b=1": "deepseek-r1:14b@ default 1s", "qwen2.5:7b=1": "qwen2.5:7b@ default 1s", "*@mini=1": "*@mini default 1s", "library/LLAMA3.2=1": "library/LLAMA3.2@ default 1s",
		"*:14b=1": "*:14b@ default 1s", "*:latest=1": "*:latest@ default 1s", "@http://mini:80=1": "@mini default 1s", "llama3.2@http://mini=1": "llama3.2@mini default 1s",
	} {
		c, err := given(t, routed, nil, "--keep-alive", flag)
		if want = "keep_alive " + want; err != nil || rulings(c) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", flag, err, rulings(c), want)
		}
	}
	c, err := given(t, "", nil, "--proxy", "hf.co/me/x:Q4=http://u:p@h/a=b", "--num-ctx", "hf.co/me/x:Q4@http://h/a=b=4096")
	if err != nil || rulings(c) != "num_ctx hf.co/me/x:Q4@http://h/a=b default 4096" {
		t.Errorf("%v: %s", err, rulings(c))
	}
}

func TestEveryRuleFlagAndVariable(t *testing.T) {
	for i, want := range []string{"keep_alive @ default 1m0s\nkeep_alive llama3.2@ default 2m0s", "keep_alive @ enforce 1m0s\nkeep_alive llama3.2@ enforce 2m0s",
		"num_ctx @ default 60\nnum_ctx llama3.2@ default 120", "num_ctx @ enforce 60\nnum_ctx llama3.2@ enforce 120"} {
		name := []string{"keep-alive", "enforce-keep-alive", "num-ctx", "enforce-num-ctx"}[i]
		variable := "GOLLAMAS_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		for how, c := range map[string]struct {
			env   map[string]string
			flags []string
		}{
			"flags":    {nil, []string{"--" + name, "60", "--" + name, "llama3.2=120"}},
			"variable": {map[string]string{variable: "60, llama3.2=120"}, nil},
		} {
			got, err := given(t, routed, c.env, c.flags...)
			if err != nil || rulings(got) != want {
				t.Errorf("%s: %s: %v\n%s", name, how, err, rulings(got))
			}
		}
	}
}

func TestAFlagWinsOverAVariableOverTheFileScopeByScope(t *testing.T) {
	file := two + "keep_alive: {enforce: 1}\nnum_ctx: 11\nmodels: {m: {routes: [main, mini], keep_alive: 2, num_ctx: {enforce: 12}, on: {mini: {num_ctx: 13}}}, n: main}"
	env := map[string]string{"GOLLAMAS_KEEP_ALIVE": "3,m=4,@mini=5", "GOLLAMAS_ENFORCE_NUM_CTX": "M:latest@mini=14"}
	c, err := given(t, file, env, "--enforce-keep-alive", "@mini=6", "--num-ctx", "m=15", "--enforce-num-ctx", "m=16")
	want := "keep_alive @ default 3s\nkeep_alive @mini enforce 6s\nkeep_alive m@ default 4s\n" +
		"num_ctx @ default 11\nnum_ctx M:latest@mini enforce 14\nnum_ctx m@ default 15\nnum_ctx m@ enforce 16"
	if err != nil || rulings(c) != want {
		t.Errorf("%v\n got %s\nwant %s", err, rulings(c), want)
	}
	rules, err := rewrite.NewRules(c.KeepAlive, c.NumCtx)
	if err != nil {
		t.Fatal(err)
	}
	name, _ := ollama.ParseName("m")
	if got := rules.For(name, "main"); got.KeepAlive.Value != rewrite.KeepAlive(4*time.Second) || got.NumCtx != (rewrite.Rule[int]{Value: 16, Force: rewrite.Enforced}) {
		t.Errorf("%v", got)
	}
}

func TestWrongRulesOfFlagsAreTold(t *testing.T) {
	for _, c := range []struct {
		flag, value string
		want        []string
	}{
		{"keep-alive", "soon", []string{`--keep-alive: "soon" is not a duration: write it like 30m, 1h30m or 90 (seconds); 0 = unload at once, -1 = keep for ever`}},
		{"enforce-keep-alive", "llama3.2=30", nil},
		{"keep-alive", "30m@mini", []string{`--keep-alive: "…@mini" is not a duration: write it like 30m, 1h30m or 90 (seconds); 0 = unload at once, -1 = keep for ever`}},
		{"num-ctx", "3", []string{`--num-ctx: "3" is not a context size: write a whole number of tokens, at least 4`}},
		{"enforce-num-ctx", "llama3.2=4096.5", []string{`--enforce-num-ctx: "4096.5" is not a context size: write a whole number of tokens, at least 4`}},
		{"num-ctx", "99999999999", []string{`--num-ctx: "99999999999" is not a context size: write a whole number of tokens, at least 4`}},
		{"num-ctx", "", []string{`--num-ctx: an empty part: write [SCOPE=]N`}},
		{"num-ctx", "=5", []string{`--num-ctx: "=5" has nothing in front of the =: write SCOPE=N, or N for everywhere`}},
		{"keep-alive", "llama3.2=", []string{`--keep-alive: "llama3.2=" has nothing behind the =: write SCOPE=DURATION`}},
		{"keep-alive", "llama3.2@=5", []string{`--keep-alive: "llama3.2@=5" names no connection behind the @: a SCOPE is MODEL, @CONNECTION or MODEL@CONNECTION`}},
		{"keep-alive", "@minni=5", []string{`--keep-alive: no connection named "minni"; did you mean "mini"?`}},
		{"keep-alive", "llama3.2@http://other=5", []string{`--keep-alive: no connection named "http://other"`}},
		{"keep-alive", "@minni=x", []string{`--keep-alive: no connection named "minni"; did you mean "mini"?`,
			`--keep-alive: "x" is not a duration: write it like 30m, 1h30m or 90 (seconds); 0 = unload at once, -1 = keep for ever`}},
		{"num-ctx", "lama3.2=5", []string{`--num-ctx: "lama3.2" has no route; did you mean "llama3.2"?`}},
		{"num-ctx", "phi*=5", []string{`--num-ctx: "phi*" has no route: --proxy phi*=URL gives it one`}},
		{"num-ctx", "deepseek-r1:14b@mini=5", []string{`--num-ctx: "deepseek-r1:14b" has no route to "mini": --proxy deepseek-r1:14b=mini gives it one`}},
		{"num-ctx", "qwen3@main=5", []string{`--num-ctx: "qwen3" has no route to "main": --proxy qwen3=main gives it one`}},
		{"num-ctx", "gpt=5", []string{`--num-ctx: "gpt" is an alias: name its model, "llama3.2"`}},
		{"num-ctx", "bad name=5", []string{`--num-ctx: "bad name": invalid model name`}},
		{"num-ctx", "x:cloud=5", []string{`--num-ctx: "x:cloud" is a cloud model: gollamas does not send requests to ollama.com`}},
		{"num-ctx", "http://u:SECRET@h=5", []string{`--num-ctx: "…@h=5" has no @ in front of its URL: a SCOPE is MODEL, @CONNECTION or MODEL@CONNECTION`}},
		{"num-ctx", "qwen !*=5", []string{`--num-ctx: "qwen !*" matches no model: " " stands in no name`}},
	} {
		_, err := given(t, routed, nil, "--"+c.flag, c.value)
		if c.want == nil && err == nil {
			continue
		}
		tellsExactly(t, err, c.want...)
	}
	if _, err := given(t, routed+"allow_running: true", nil, "--num-ctx", "phi=5"); err != nil {
		t.Errorf("a model that may be served because it runs: %v", err)
	}
}

func TestValuesThatContradictAreTold(t *testing.T) {
	for _, c := range []struct {
		env   string
		flags []string
		want  string
	}{
		{"", []string{"--num-ctx", "5", "--num-ctx", "6"}, `--num-ctx: "6" contradicts "5" (--num-ctx): say one of them`},
		{"", []string{"--num-ctx", "llama3.2=5", "--num-ctx", "llama3.2:latest=6"}, `--num-ctx: "llama3.2:latest=6" contradicts "llama3.2=5" (--num-ctx): say one of them`},
		{"", []string{"--num-ctx", "@mini=5", "--num-ctx", "@http://mini=6"}, `--num-ctx: "@http://mini=6" contradicts "@mini=5" (--num-ctx): say one of them`},
		{"", []string{"--num-ctx", "qwen*@mini=5", "--num-ctx", "QWEN*@mini=6"}, `--num-ctx: "QWEN*@mini=6" contradicts "qwen*@mini=5" (--num-ctx): say one of them`},
		{"@mini=5,@mini=6", nil, `GOLLAMAS_NUM_CTX: "@mini=6" contradicts "@mini=5" (GOLLAMAS_NUM_CTX): say one of them`},
		{"5", []string{"--num-ctx", "6"}, ""},
		{"", []string{"--num-ctx", "5", "--num-ctx", "5", "--enforce-num-ctx", "6"}, ""},
		{"", []string{"--keep-alive", "30m", "--keep-alive", "1800"}, ""},
	} {
		_, err := given(t, routed, map[string]string{"GOLLAMAS_NUM_CTX": c.env}, c.flags...)
		if c.want != "" || err != nil {
			tellsExactly(t, err, c.want)
		}
	}
}

func TestWrongRulesOfAFileAreAllTold(t *testing.T) {
	_, err := given(t, `
keep_alive: [1m]
num_ctx: {enforced: 5, default: 3}
connections:
  main: {url: http://main, keep_alive: soon, num_ctx: }
  mini: {url: http://mini, num_ctx: {}}
  gone: {url: gone, num_ctx: 5}
models:
  m:
    routes: [main, mini]
    keep_alive: {default: , enforce: {a: 1}}
    num_ctx: 4k
    preload: maybe
    on: {minni: {num_ctx: 5, keep_alive: 1m}, mini: {numctx: 5}, gone: {num_ctx: 5}, main: 5}
  n: {routes: main, num_ctx: 5, keep_alive: 1m}
  N:latest: {routes: main, num_ctx: {default: 6}, keep_alive: 60}
  bad name: {routes: main, num_ctx: 5}
cold_start: {comments: 10ms, coments: 1s}
ping: 100ms
load_wait: 0
`, nil)
	const duration = ` is not a duration: write it like 30m, 1h30m or 90 (seconds); 0 = unload at once, -1 = keep for ever`
	tellsExactly(t, err,
		`keep_alive: a list should be a plain value`,
		`num_ctx.enforced: there is no such setting; did you mean "enforce"?`,
		`num_ctx.default: "3" is not a context size: write a whole number of tokens, at least 4`,
		`connections.main.keep_alive: "soon"`+duration,
		`connections.main.num_ctx: nothing stands here; it should be a plain value`,
		`connections.mini.num_ctx: it says nothing: write {default: VALUE} or {enforce: VALUE}`,
		`connections.gone: "gone" needs http:// or https:// in front`,
		`models.m.keep_alive.default: nothing stands here; it should be a plain value`,
		`models.m.keep_alive.enforce: a mapping should be a plain value`,
		`models.m.num_ctx: "4k" is not a context size: write a whole number of tokens, at least 4`,
		`models.m.preload: "maybe" should be true or false`,
		`models.m.on.minni.num_ctx: no connection named "minni"; did you mean "mini"?`,
		`models.m.on.minni.keep_alive: no connection named "minni"; did you mean "mini"?`,
		`models.m.on.mini.numctx: there is no such setting; did you mean "num_ctx"?`,
		`models.m.on.main: "5" should be a mapping, with a key on each line`,
		`models.N:latest.num_ctx.default: "6" contradicts "5" (models.n.num_ctx): say one of them`,
		`models.bad name.routes: "bad name": invalid model name`,
		`cold_start.comments: "10ms" is too often: write at least 1s, or 0 for never`,
		`cold_start.coments: there is no such setting; did you mean "comments"?`,
		`ping: "100ms" is too often: write at least 1s, or 0 for never`,
		`load_wait: "0" is too short: the least is 1s`)
	_, err = given(t, two+"models: {m: {routes: main, on: {mini: {num_ctx: 5}}}}", nil)
	tellsExactly(t, err, `models.m.on.mini.num_ctx: "m" has no route to "mini": --proxy m=mini gives it one`)
}

func TestAModelsRulesStayWhereTheCommandRoutesIt(t *testing.T) {
	file := two + "models: {m: {routes: [main, mini], num_ctx: 5, on: {mini: {num_ctx: 6}}}}"
	c, err := given(t, file, nil, "--proxy", "m=main")
	if want := "num_ctx m@ default 5\nnum_ctx m@mini default 6"; err != nil || rulings(c) != want {
		t.Errorf("%v: %s", err, rulings(c))
	}
}

func TestNoSecretOfARuleIsPrinted(t *testing.T) {
	for _, value := range []string{"m@http://u:SECRET@h=5m", "m@http://u:SECRET@h=", "@http://u:SECRET@main=x", "m@u:SECRET@h=1", "http://u:SECR=ET@h", "http://u:SECRET@h", "@http://u:SECRET@=5"} {
		if _, err := given(t, routed, nil, "--keep-alive", value); err == nil || strings.Contains(err.Error(), "SECR") || strings.Contains(err.Error(), "ET@") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestPreload(t *testing.T) {
	file := two + "models: {a: {routes: main, preload: true}, b: {routes: mini, preload: false}, 'q*': main}\naliases: {x: b}"
	for _, c := range []struct {
		env   string
		flags []string
		want  string
	}{
		{"", nil, "[a]"}, {"", []string{"--preload", "b"}, "[b a]"}, {"b, A:latest", []string{"--preload", "q1"}, "[q1 b A:latest]"},
		{"all", nil, "[a b]"}, {"", []string{"--preload", "q1", "--preload", "all"}, "[q1 a b]"},
	} {
		got, err := given(t, file, map[string]string{"GOLLAMAS_PRELOAD": c.env}, c.flags...)
		if err != nil || fmt.Sprint(got.Preload) != c.want {
			t.Errorf("%q %v: %v %v, want %s", c.env, c.flags, err, got.Preload, c.want)
		}
	}
	for value, want := range map[string]string{
		"aa":  `--preload: "aa" has no route; did you mean "a"?`,
		"zzz": `--preload: "zzz" has no route: --proxy zzz=URL gives it one`,
		"q*":  `--preload: "q*" is a pattern: a model is preloaded by its name`,
		"x":   `--preload: "x" is an alias: name its model, "b"`,
		" ":   `--preload: an empty part: write MODEL or all`,
		"x y": `--preload: "x y": invalid model name`,
	} {
		_, err := given(t, file, nil, "--preload", value)
		tellsExactly(t, err, want)
	}
	_, err := given(t, "", nil, "--connection", "a=http://a", "--preload", "all")
	tellsExactly(t, err, `--preload: no model has a name of its own, there are only patterns: name the models to load`)
	_, err = given(t, two+"models: {'q*': {routes: main, preload: true}}", nil)
	tellsExactly(t, err, `models.q*.preload: "q*" is a pattern: a model is preloaded by its name`)
	_, err = given(t, file, nil, "--preload", "gpt-oss:120b-cloud")
	tellsExactly(t, err, `--preload: "gpt-oss:120b-cloud" is a cloud model: gollamas does not send requests to ollama.com`)
}

func TestARouteMayBeMarkedForPreloading(t *testing.T) {
	for file, want := range map[string]string{
		"a: {routes: [{connection: main, preload: true}, mini]}":                      "[a] [true false]",
		"a: {routes: [{connection: main, preload: true}, mini], preload: true}":       "[a] [true false]",
		"a: {routes: [{connection: main, preload: false}, mini], preload: true}":      "[a] [false false]",
		"a: {routes: [{connection: main, preload: false}, mini]}":                     "[] [false false]",
		"a: {routes: [{connection: main, preload: true}, mini, main], preload: true}": "[a] [true false]",
	} {
		c, err := given(t, two+"models: {"+file+"}", nil)
		var marked []bool
		for _, m := range c.Models {
			for _, r := range m.Routes {
				marked = append(marked, r.Preload)
			}
		}
		if got := fmt.Sprint(c.Preload, marked); err != nil || got != want {
			t.Errorf("%s: %v: %s, want %s", file, err, got, want)
		}
	}
	_, err := given(t, two+"models: {'q*': {routes: [{connection: main, preload: true}]}, b: {routes: {connection: main, preload: maybe}}}", nil)
	tellsExactly(t, err,
		`models.b.routes.preload: "maybe" should be true or false`,
		`models.q*.routes[0].preload: "q*" is a pattern: a model is preloaded by its name`)
}

func TestPingAndWaits(t *testing.T) {
	const a = "connections: {a: http://a}\n"
	for file, want := range map[string]string{
		"": "4m0s 10m0s 0s",
		"ping: 0\nload_wait: 1\ncold_start: {comments: 10s}": "0s 1s 10s",
		"ping: 1s\nload_wait: 1h\ncold_start: {comments: 0}": "1s 1h0m0s 0s",
		"cold_start:\n": "4m0s 10m0s 0s",
	} {
		c, err := given(t, a+file, nil)
		if got := fmt.Sprint(c.Ping, c.LoadWait, c.ColdStart.Comments); err != nil || got != want {
			t.Errorf("%s: %v: %s, want %s", file, err, got, want)
		}
	}
}
