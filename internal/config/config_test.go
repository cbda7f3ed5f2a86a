package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// given loads settings as the program would: a file's text ("" = none), variables, flags.
func given(t *testing.T, file string, env map[string]string, flags ...string) (Config, error) {
	t.Helper()
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	g := Flags(fs)
	if err := fs.Parse(flags); err != nil {
		t.Fatal(err)
	}
	if file != "" {
		g.File = filepath.Join(t.TempDir(), "gollamas.yaml")
		if err := os.WriteFile(g.File, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(g, func(name string) string { return env[name] })
}

// routes is what a Config serves, a line each.
func routes(c Config) string {
	var b strings.Builder
	for _, m := range c.Models {
		fmt.Fprintf(&b, "%s →", m.Name)
		for _, r := range m.Routes {
			fmt.Fprintf(&b, " %s", c.Connections[r.Connection].name())
			if r.Weight != 1 || r.Tier != 0 {
				fmt.Fprintf(&b, "(%d, %d)", r.Weight, r.Tier)
			}
		}
		if m.Balance != "" {
			fmt.Fprintf(&b, " %s", m.Balance)
		}
		b.WriteString("\n")
	}
	for _, a := range c.Aliases {
		fmt.Fprintf(&b, "%s = %s\n", a.Name, a.Model)
	}
	return b.String()
}

func TestTheFirstGollamasFlagsAndVariablesStillWork(t *testing.T) {
	want := "llama3.2 → http://server-01:11434\ndeepseek-r1:14b → lab\nds = deepseek-r1:14b\n"
	for name, c := range map[string]struct {
		env   map[string]string
		flags []string
	}{
		"singular flags": {nil, []string{"--proxy", "llama3.2=http://server-01:11434", "--proxy", "deepseek-r1:14b=lab", "--connection", "lab=http://server-02:11434", "--alias", "ds=deepseek-r1:14b"}},
		"plural flags":   {nil, []string{"--proxies", "llama3.2=http://server-01:11434,deepseek-r1:14b=lab", "--connections", "lab=http://server-02:11434", "--aliases", "ds=deepseek-r1:14b"}},
		"environment":    {map[string]string{"GOLLAMAS_PROXIES": "llama3.2=http://server-01:11434,deepseek-r1:14b=lab", "GOLLAMAS_CONNECTIONS": "lab=http://server-02:11434", "GOLLAMAS_ALIASES": "ds=deepseek-r1:14b"}, nil},
		"bare variables": {map[string]string{"PROXIES": "llama3.2=http://server-01:11434,deepseek-r1:14b=lab", "CONNECTIONS": "lab=http://server-02:11434", "ALIASES": "ds=deepseek-r1:14b"}, nil},
		"all together":   {map[string]string{"GOLLAMAS_CONNECTIONS": "lab=http://server-02:11434"}, []string{"--proxy=llama3.2=http://server-01:11434", "--proxies=deepseek-r1:14b=lab", "-alias=ds=deepseek-r1:14b"}},
	} {
		c, err := given(t, "", c.env, c.flags...)
		if err != nil || routes(c) != want {
			t.Errorf("%s: %v\n%s", name, err, routes(c))
		}
	}
}

func TestEveryNameOfAFlagAndVariable(t *testing.T) {
	base := []string{"--connection", "a=http://a:1"}
	for _, name := range []string{"--listen", "-a", "--addr", "--address"} {
		if c, err := given(t, "", nil, append(base, name, "0.0.0.0:80")...); err != nil || c.Listen != "0.0.0.0:80" {
			t.Errorf("%s: %v %s", name, err, c.Listen)
		}
	}
	for _, name := range []string{"--level", "--error-level"} {
		if c, err := given(t, "", nil, append(base, name, "WARN")...); err != nil || c.Level != "warn" {
			t.Errorf("%s: %v %s", name, err, c.Level)
		}
	}
	for _, s := range Settings {
		for _, name := range s.Env {
			value := map[string]string{"listen": "x:1", "level": "debug", "list_aliases": "true", "max_body": "1KB",
				"allow_running": "true", "manage": "true", "balance": "in-order", "admin": "x:2",
				"max_connections": "7", "keys_file": keysFile(t), "allow_cloud": "true", "shared": "redis://x"}[s.Key]
			if value == "" {
				value = "7s"
			}
			if s.top() == "tls" { // TestWhereKeysAndCertificatesAreSaid
				continue
			}
			before, _ := given(t, "", nil, base...)
			c, err := given(t, "", map[string]string{name: value}, base...)
			if err != nil || fmt.Sprint(plain(c)) == fmt.Sprint(plain(before)) {
				t.Errorf("%s=%s changed nothing (%v)", name, value, err)
			}
		}
	}
	if c, err := given(t, "", nil, append(base, "--list-aliases")...); err != nil || !c.ListAliases {
		t.Errorf("--list-aliases alone: %v", err)
	}
	if c, err := given(t, "list_aliases: true", nil, append(base, "--list-aliases=false")...); err != nil || c.ListAliases {
		t.Errorf("--list-aliases=false: %v", err)
	}
}

func TestWhereKeysAndCertificatesAreSaid(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "one.yaml"), filepath.Join(t.TempDir(), "two.yaml")
	for path, text := range map[string]string{one: "[{name: a, key: in-the-first-file}]", two: "[{name: b, key: in-the-second-file}]"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := "connections: {a: http://a}\ntls: {cert: file.pem, key: file-key.pem}\nkeys_file: " + one
	env := map[string]string{"GOLLAMAS_TLS_CERT": "env.pem", "GOLLAMAS_TLS_KEY": "env-key.pem", "GOLLAMAS_KEYS_FILE": two}
	for i, c := range []struct {
		env   map[string]string
		flags []string
		want  ServerTLS
		file  string
	}{
		{nil, nil, ServerTLS{"file.pem", "file-key.pem"}, one},
		{env, nil, ServerTLS{"env.pem", "env-key.pem"}, two},
		{env, []string{"--tls-cert=flag.pem", "--tls-key=flag-key.pem", "--keys-file=" + one}, ServerTLS{"flag.pem", "flag-key.pem"}, one},
	} {
		got, err := given(t, file, c.env, c.flags...)
		if err != nil || got.ServerTLS != c.want || got.KeysFile != c.file || len(got.Keys) != 1 {
			t.Errorf("%d: %v %+v %s %v", i, err, got.ServerTLS, got.KeysFile, got.Keys)
		}
	}
}

func plain(c Config) []any {
	return []any{c.Listen, c.Level, c.ListAliases, c.AllowRunning, c.Manage, c.Balance, c.Admin, c.MaxBody, c.Watch, c.Drain, c.ReadHeader, c.Stall, c.Queue,
		c.Ping, c.LoadWait, c.ColdStart, c.DrainDelay, c.MaxConnections, c.AllowCloud, c.Shared, c.ServerTLS, c.KeysFile, c.KeepAlive, c.NumCtx, c.Preload}
}

func TestAFlagWinsOverAVariableOverTheFile(t *testing.T) {
	file := "listen: file:1\nwatch: 1s\ndrain: 1s\nconnections: {a: http://file:1}\nmodels: {m: a, n: a}\naliases: {x: m}"
	env := map[string]string{"GOLLAMAS_LISTEN": "env:1", "LISTEN": "bare:1", "GOLLAMAS_WATCH": "2s"}
	c, err := given(t, file, env, "--listen", "flag:1", "--connection", "a=http://flag:1", "--proxy", "n=http://other:1", "--alias", "x=n")
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "flag:1" || c.Watch != 2*time.Second || c.Drain != time.Second {
		t.Errorf("listen %s watch %s drain %s", c.Listen, c.Watch, c.Drain)
	}
	if want := "m → a\nn → http://other:1\nx = n\n"; routes(c) != want || c.Connections[0].URL.Host != "flag:1" {
		t.Errorf("%s%v", routes(c), c.Connections[0].URL)
	}
}

func TestAFlagWinsOverAVariableOverTheFileForEachPlainSetting(t *testing.T) {
	for _, s := range Settings {
		values := map[string][3]string{
			"listen": {"file:1", "env:1", "flag:1"}, "level": {"warn", "error", "debug"}, "max_body": {"1KB", "2KB", "3KB"},
			"list_aliases": {"false", "true", "false"}, "allow_running": {"true", "false", "true"}, "manage": {"true", "false", "true"},
			"balance": {"least-busy", "round-robin", "in-order"}, "admin": {"file:2", "env:2", "off"},
			"max_connections": {"1", "2", "3"}, "allow_cloud": {"true", "false", "true"}, "shared": {"redis://a", "redis://b", "rediss://c"},
		}[s.Key]
		if s.top() == "tls" || s.Key == "keys_file" { // TestWhereKeysAndCertificatesAreSaid
			continue
		}
		if values[0] == "" {
			values = [3]string{"1s", "2s", "3s"}
		}
		file, env, flags := "", map[string]string{}, []string{"--connection", "a=http://a"}
		for i, value := range values {
			switch i {
			case 0:
				file = s.Key + ": " + value
			case 1:
				env[s.Env[0]] = value
			case 2:
				flags = append(flags, "--"+s.Flag()+"="+value)
			}
			want := defaults()
			if err := s.set(&want, value); err != nil {
				t.Fatal(err)
			}
			if c, err := given(t, file, env, flags...); err != nil || fmt.Sprint(plain(c)) != fmt.Sprint(plain(want)) {
				t.Errorf("%s: %v: got %v, want %v", value, err, plain(c), plain(want))
			}
		}
	}
}

func TestARouteHasAWeightAndATierAndAModelABalance(t *testing.T) {
	const two = "connections: {a: http://a, b: http://b}\n"
	for _, c := range []struct {
		file  string
		flags []string
		want  string
	}{
		{"models: {m: {routes: [{connection: a}, {connection: b, weight: 1000, tier: 1000}]}}", nil, "m → a b(1000, 1000)\n"},
		{"models: {m: {routes: {connection: a, tier: 2}}}", nil, "m → a(1, 2)\n"},
		{"models: {m: [{connection: a, weight: '${N}'}]}", nil, "m → a(7, 0)\n"},
		{"models: {m: [{connection: 'http://c:1', weight: 2}]}", nil, "m → http://c:1(2, 0)\n"},
		{"models: {m: [a, {connection: a}, {connection: 'http://a', weight: 1, tier: 0}]}", nil, "m → a\n"},
		{"models: {m: [{connection: a, weight: 2}], 'm:latest': [{connection: a, weight: 2}]}", nil, "m → a(2, 0)\n"},
		{"models: {m: [{connection: a, weight: 2}], n: [a]}", nil, "m → a(2, 0)\nn → a\n"},
		{"models: {m: {routes: a, balance: in-order}, n: a}\nbalance: least-busy", nil, "m → a in-order\nn → a\n"},
		{"models: {m: {routes: [{connection: a, weight: 2}], balance: in-order}}", []string{"--proxy", "m=b"}, "m → b in-order\n"},
		{"models: {m: {routes: a, balance: in-order}, 'm:latest': {routes: b, balance: in-order}}", nil, "m → a b in-order\n"},
		{"models: {'q*': {routes: a, balance: round-robin}}", nil, "q* → a round-robin\n"},
	} {
		got, err := given(t, two+c.file, map[string]string{"N": "7"}, c.flags...)
		if err != nil || routes(got) != c.want {
			t.Errorf("%s: %v\n got %swant %s", c.file, err, routes(got), c.want)
		}
	}
}

func TestWrongNumbersAndPoliciesAreAllTold(t *testing.T) {
	_, err := given(t, `
connections:
  a: {url: http://a, parallel: -1}
  b: {url: http://b, parallel: 1.5}
  c: {url: http://c, paralel: 2}
  d: {url: http://d, parallel: }
models:
  llama3:
    routes: [a, {connection: b, weight: 0}, {connection: c, weight: 1001, tier: -1}, {connection: z, tier: low}]
    balance: in-ordre
  m:
    routes: [{weight: 3}, {connection: [a]}, {conection: a}]
  n:
    routes: [a, {connection: b, weight: 3}, {connection: a, weight: 2}, {connection: http://b, weight: 3, tier: 1}]
    balance: [in-order]
  n:latest: {routes: a, balance: in-order}
  N: {routes: {connection: a, tier: 5}, balance: least-busy}
  o: {routes: [http://x, {connection: http://x, weight: 2}]}
`, nil)
	tellsExactly(t, err,
		`connections.a.parallel: "-1" is not a whole number from 0 to 1000000`,
		`connections.b.parallel: "1.5" is not a whole number from 0 to 1000000`,
		`connections.c.paralel: there is no such setting; did you mean "parallel"?`,
		`connections.d.parallel: nothing stands here; it should be a plain value`,
		`models.llama3.routes[1].weight: "0" is not a whole number from 1 to 1000`,
		`models.llama3.routes[2].weight: "1001" is not a whole number from 1 to 1000`,
		`models.llama3.routes[2].tier: "-1" is not a whole number from 0 to 1000`,
		`models.llama3.routes[3].tier: "low" is not a whole number from 0 to 1000`,
		`models.llama3.routes[3]: no connection named "z"; did you mean "a"?`,
		`models.llama3.balance: "in-ordre" is not a policy: it is one of loaded-first, least-busy, round-robin, in-order; did you mean "in-order"?`,
		`models.m.routes[0]: it names no connection: write {connection: ID}`,
		`models.m.routes[1].connection: a list should be a plain value`,
		`models.m.routes[2].conection: there is no such setting; did you mean "connection"?`,
		`models.m.routes[2]: it names no connection: write {connection: ID}`,
		`models.n.routes[2]: connection "a" has weight 2 and tier 0 here, and weight 1 and tier 0 before (models.n.routes[0]): name it once`,
		`models.n.routes[3]: connection "b" has weight 3 and tier 1 here, and weight 3 and tier 0 before (models.n.routes[1]): name it once`,
		`models.n.balance: a list should be a plain value`,
		`models.N.routes: connection "a" has weight 1 and tier 5 here, and weight 1 and tier 0 before (models.n.routes[0]): name it once`,
		`models.N.balance: the same model has balance "in-order" before (models.n:latest.balance): say it once`,
		`models.o.routes[1]: connection "http://x" has weight 2 and tier 0 here, and weight 1 and tier 0 before (models.o.routes[0]): name it once`)
}

func TestStallAndQueue(t *testing.T) {
	const a = "connections: {a: http://a}\n"
	for _, c := range []struct {
		file  string
		stall Stall
		queue Queue
	}{
		{"", Stall{15 * time.Minute, 5 * time.Minute}, Queue{256, 2 * time.Minute}},
		{"stall: {first_token: 1, next_token: 1h}\nqueue: {length: 0, wait: 0}", Stall{time.Second, time.Hour}, Queue{0, 0}},
		{"stall: {next_token: 1m30s}\nqueue:\n  length: ${LENGTH}", Stall{15 * time.Minute, 90 * time.Second}, Queue{9, 2 * time.Minute}},
		{"stall:\nqueue:\n  # length: 5\n", Stall{15 * time.Minute, 5 * time.Minute}, Queue{256, 2 * time.Minute}},
	} {
		got, err := given(t, a+c.file, map[string]string{"LENGTH": "9"})
		if err != nil || got.Stall != c.stall || got.Queue != c.queue {
			t.Errorf("%s: %v: %v %v", c.file, err, got.Stall, got.Queue)
		}
	}
	_, err := given(t, a+"stall: {first_token: 999ms, next_token: soon, frist_token: 1s}\nqueue: {length: -1, wait: -1s, lenght: 4}", nil)
	tellsExactly(t, err,
		`stall.first_token: "999ms" is too short: the least is 1s`,
		`stall.next_token: "soon" is not a duration: write it like 30s, 5m or 1h30m`,
		`stall.frist_token: there is no such setting; did you mean "first_token"?`,
		`queue.length: "-1" is not a whole number from 0 to 1000000`,
		`queue.wait: "-1s" is too short: the least is 0s`,
		`queue.lenght: there is no such setting; did you mean "length"?`)
	_, err = given(t, a+"stall: 5m\nqueue: {length: 2.5, wait: [1s]}\nstal: {first_token: 1m}", nil)
	tellsExactly(t, err,
		`stall: "5m" should be a mapping, with a key on each line`,
		`queue.length: "2.5" is not a whole number from 0 to 1000000`,
		`queue.wait: a list should be a plain value`,
		`stal: there is no such setting; did you mean "stall"?`)
}

func TestTheOperatorsAddressIsNotTheOneServedOn(t *testing.T) {
	server := []string{"--connection", "a=http://a"}
	for _, c := range []struct {
		file  string
		flags []string
		admin string
		asked bool
	}{
		{"", nil, "localhost:11435", false},
		{"", []string{"--admin", "OFF"}, "", true},
		{"admin: off", nil, "", true},
		{"admin: localhost:11435", nil, "localhost:11435", true},
		{"", []string{"--admin", ":1"}, ":1", true},
		{"", []string{"--listen", "localhost:11435"}, "", false}, // nobody asked for both
		{"", []string{"--listen", "0.0.0.0:11435"}, "", false},
		{"", []string{"--listen", "localhost:0", "--admin", "localhost:0"}, "localhost:0", true},
		{"", []string{"--listen", "10.0.0.1:5", "--admin", "10.0.0.2:5"}, "10.0.0.2:5", true},
	} {
		got, err := given(t, c.file, nil, append(server, c.flags...)...)
		if err != nil || got.Admin != c.admin || got.AdminAsked != c.asked {
			t.Errorf("%s %v: %v: %q, asked %t", c.file, c.flags, err, got.Admin, got.AdminAsked)
		}
	}
	for _, c := range []struct {
		file string
		env  string
		flag string
		want string
	}{
		{"", "", "localhost:11434", `--admin: "localhost:11434" is taken, for requests are served there (the default): choose another port, or off`},
		{"listen: 0.0.0.0:5", "", "127.0.0.1:5", `--admin: "127.0.0.1:5" is taken, for requests are served on "0.0.0.0:5" (listen): choose another port, or off`},
		{"admin: LOCALHOST:5", "127.0.0.1:5", "", `admin: "LOCALHOST:5" is taken, for requests are served on "127.0.0.1:5" (GOLLAMAS_LISTEN): choose another port, or off`},
		{"listen: x\nadmin: localhost:11434", "", "", `listen: "x" is not an address: write HOST:PORT, such as localhost:11434 or 0.0.0.0:11434`},
		{"level: x", "", "[::]:11434", `level: "x" is not a level: it is one of panic, fatal, error, warn, info, debug, trace` + "\n" +
			`--admin: "[::]:11434" is taken, for requests are served on "localhost:11434" (the default): choose another port, or off`},
	} {
		flags := server
		if c.flag != "" {
			flags = append(flags, "--admin", c.flag)
		}
		if _, err := given(t, c.file, map[string]string{"GOLLAMAS_LISTEN": c.env}, flags...); fmt.Sprint(err) != c.want {
			t.Errorf("got\n%v\nwant\n%s", err, c.want)
		}
	}
}

func TestTheFilesShapes(t *testing.T) {
	c, err := given(t, `
connections:
  main: http://main-ai:11434
  mini:
    url: https://mini-ai.lan/ollama/
    headers: {Authorization: "Bearer ${MINI_TOKEN}"}
    tls: {ca: /etc/ssl/lan.pem, cert: c.pem, key: k.pem, insecure: true}
    parallel: 4
models:
  llama3.2:
    routes: [main, {connection: mini, weight: 3, tier: 1}]
    aliases: [gpt-3.5-turbo]
    balance: Least-Busy
  deepseek-r1:14b: main
  "qwen*": [mini]
aliases: {deepseek: deepseek-r1:14b}
max_body: 20MB
watch: 2
`, map[string]string{"MINI_TOKEN": "t0k"})
	if err != nil {
		t.Fatal(err)
	}
	want := "llama3.2 → main mini(3, 1) least-busy\ndeepseek-r1:14b → main\nqwen* → mini\ngpt-3.5-turbo = llama3.2\ndeepseek = deepseek-r1:14b\n"
	if routes(c) != want {
		t.Errorf("got\n%swant\n%s", routes(c), want)
	}
	mini := c.Connections[1]
	if mini.Header.Get("Authorization") != "Bearer t0k" || mini.TLS != (TLS{"/etc/ssl/lan.pem", "c.pem", "k.pem", true}) || mini.URL.Path != "/ollama" ||
		mini.Parallel != 4 || c.Connections[0].Parallel != 0 {
		t.Errorf("%+v", mini)
	}
	if c.MaxBody != 20e6 || c.Watch != 2*time.Second {
		t.Errorf("max_body %d watch %s", c.MaxBody, c.Watch)
	}
}

func TestOneURLIsOneConnectionAndTwoIDsAreTwo(t *testing.T) {
	c, err := given(t, "", nil, "--proxy", "a=http://X:11434", "--proxy", "b=http://x:11434/", "--proxy", "a=http://x:11434")
	if err != nil || len(c.Connections) != 1 || routes(c) != "a → http://X:11434\nb → http://X:11434\n" {
		t.Errorf("%v %d\n%s", err, len(c.Connections), routes(c))
	}
	c, err = given(t, "", nil, "--connection", "one=http://x", "--connection", "two=http://x:80", "--proxy", "m=http://x", "--proxy", "m=two")
	if err != nil || len(c.Connections) != 2 || routes(c) != "m → one two\n" {
		t.Errorf("%v %d\n%s", err, len(c.Connections), routes(c))
	}
}

func TestANameWithManyAddressesIsAConnectionOfItsOwn(t *testing.T) {
	c, err := given(t, "", nil, "--connection", "one=http://x", "--connection", "all=dns+http://x:80/", "--proxy", "m=DNS+http://X", "--proxy", "m=http://x",
		"--proxy", "n=dns+https://u:p@y:1/ollama", "--proxy", "n=https://y:1/ollama")
	if want := "m → all one\nn → dns+https://y:1/ollama https://y:1/ollama\n"; err != nil || routes(c) != want {
		t.Fatalf("%v\n%s", err, routes(c))
	}
	for i, want := range []struct {
		url      string
		discover bool
	}{{"http://x", false}, {"http://x:80", true}, {"https://y:1/ollama", true}, {"https://y:1/ollama", false}} {
		if got := c.Connections[i]; got.URL.String() != want.url || got.Discover != want.discover {
			t.Errorf("%s, discover %t: want %v", got.URL, got.Discover, want)
		}
	}
	if auth := c.Connections[2].Header.Get("Authorization"); auth != "Basic dTpw" {
		t.Errorf("Authorization %q", auth)
	}
	c, err = given(t, "connections: {a: dns+http://a, b: {url: dns+https://localhost, parallel: 2}}\nmodels: {m: [a, {connection: dns+https://localhost, tier: 1}]}", nil)
	if err != nil || routes(c) != "m → a b(1, 1)\n" || !c.Connections[0].Discover || !c.Connections[1].Discover {
		t.Errorf("%v\n%s", err, routes(c))
	}
}

func TestConnectionsWithoutAProxyAreAStarOnEach(t *testing.T) {
	c, err := given(t, "", nil, "--connection", "a=http://a", "--connection", "b=http://b", "--alias", "x=anything")
	if err != nil || routes(c) != "* → a b\nx = anything\n" {
		t.Errorf("%v\n%s", err, routes(c))
	}
}

func TestAPasswordInAURLBecomesAHeaderAndShowsNowhere(t *testing.T) {
	c, err := given(t, "", nil, "--connection", "a=http://me:secret@a:1")
	if err != nil || strings.Contains(c.Connections[0].URL.String(), "secret") || c.Connections[0].Header.Get("Authorization") != "Basic bWU6c2VjcmV0" {
		t.Errorf("%v %v", err, c.Connections)
	}
	if _, err = given(t, "", nil, "--connection", "a=ftp://me:secret@a:1"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestMistakesAreToldWithTheirPlaceTheirValueAndTheReason(t *testing.T) {
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--proxy", "llama="}, `--proxy: "llama=" has nothing behind the =: write MODEL=URL (or CONNECTION)`},
		{[]string{"--proxy", "=http://a"}, `--proxy: "=http://a" has nothing in front of the =`},
		{[]string{"--proxy", "llama"}, `--proxy: "llama" has no =`},
		{[]string{"--proxies", "a=http://a,"}, `--proxies: an empty part`},
		{[]string{"--connection", "a=server-01:11434"}, `--connection: "server-01:11434" needs http:// or https:// in front`},
		{[]string{"--proxy", "a=server-01:11434"}, `--proxy: no connection named "server-01:11434"; a URL needs http:// or https:// in front`},
		{[]string{"--connection", "gpu8=http://a", "--proxy", "a=gpu9"}, `--proxy: no connection named "gpu9"; did you mean "gpu8"?`},
		{[]string{"--connection", "a=http://a", "--connection", "a=http://b"}, `--connection: connection "a" is http://a already (--connection)`},
		{[]string{"--connection", "a=dns+ftp://a"}, `--connection: "dns+ftp://a" needs http://, https://, dns+http:// or dns+https:// in front`},
		{[]string{"--connection", "a=dns://a"}, `--connection: "dns://a" needs http://, https://, dns+http:// or dns+https:// in front`},
		{[]string{"--proxy", "m=dns+a:11434"}, `--proxy: no connection named "dns+a:11434"; a URL needs http://, https://, dns+http:// or dns+https:// in front`},
		{[]string{"--proxy", "m=dns+http://10.0.0.1:11434"}, `--proxy: "dns+http://10.0.0.1:11434" has an IP address where dns+ needs a name to look up: leave dns+ away`},
		{[]string{"--connection", "a=dns+https://[::1]"}, `--connection: "dns+https://[::1]" has an IP address where dns+ needs a name to look up: leave dns+ away`},
		{[]string{"--connection", "a=dns+http://:11434"}, `--connection: "dns+http://:11434" names no host`},
		{[]string{"--connection", "a=http://a", "--connection", "a=dns+http://a"}, `--connection: connection "a" is http://a already (--connection)`},
		{[]string{"--connection", "a=dns+http://a", "--connection", "a=http://a"}, `--connection: connection "a" is dns+http://a already (--connection)`},
		{[]string{"--connection", "a=http://a?x=1"}, `"http://a?…" has something behind its path`},
		{[]string{"--connection", "a=http://"}, `"http://" names no host`},
		{[]string{"--proxy", "bad name=http://a"}, `--proxy: "bad name": invalid model name`},
		{[]string{"--proxy", "x:cloud=http://a"}, `--proxy: "x:cloud" is a cloud model`},
		{[]string{"--proxy", "m=http://a", "--alias", "x=m", "--alias", "x=n"}, `--alias: alias "x" means both "m" and "n"`},
		{[]string{"--proxy", "m=http://a", "--alias", "M:latest=m"}, `--alias: alias "M:latest" is also a model`},
		{[]string{"--proxy", "m=http://a", "--alias", "x=n"}, `--alias: alias "x" stands for "n", which has no route`},
		{[]string{"--proxy", "m=http://a", "--alias", "x=y", "--alias", "y=x"}, `--alias: alias "x" leads in a circle: x → y → x`},
		{[]string{"--proxy", "m=http://a", "--listen", "11434"}, `--listen: "11434" is not an address: write HOST:PORT`},
		{[]string{"--proxy", "m=http://a", "--listen", "localhost:99999"}, `--listen: "localhost:99999" is not an address`},
		{[]string{"--proxy", "m=http://a,http://b"}, `--proxy: "http://a,http://b" is more than one URL: name one at a time`},
		{[]string{"--proxy", "m=http://a", "--alias", "x=y:cloud"}, `--alias: alias "x" leads to what it cannot: "y:cloud" is a cloud model`},
		{[]string{"--proxy", "m=http://a", "--level", "loud"}, `--level: "loud" is not a level`},
		{[]string{"--proxy", "m=http://a", "--balance", "least-bussy"}, `--balance: "least-bussy" is not a policy: it is one of loaded-first, least-busy, round-robin, in-order; did you mean "least-busy"?`},
		{[]string{"--proxy", "m=http://a", "--admin", "no"}, `--admin: "no" is not an address: write HOST:PORT, such as localhost:11435, or off`},
		{[]string{"--proxy", "m=http://a", "--allow-running=maybe"}, `--allow-running: "maybe" is neither true nor false`},
		{[]string{"--proxy", "m=http://a", "--drain", "soon"}, `--drain: "soon" is not a duration`},
		{[]string{"--proxy", "m=http://a", "--drain", "1e10"}, `--drain: "1e10" is not a duration`},
		{[]string{"--proxy", "m=http://a", "--watch", "99999h"}, `--watch: "99999h" is too long`},
		{[]string{"--proxy", "m=http://a", "--watch", "0"}, `--watch: "0" is too short`},
		{[]string{"--proxy", "m=http://a", "--max-body", "-1"}, `--max-body: "-1" is not a size`},
		{nil, `nothing to serve: name a server with --connection ID=URL`},
		{[]string{"--config", "/nowhere.yaml"}, `/nowhere.yaml`},
	} {
		if _, err := given(t, "", nil, c.flags...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v\n got %v\nwant %s", c.flags, err, c.want)
		}
	}
}

func TestAFileThatNamesAModelWithoutAServerServesNothingElse(t *testing.T) {
	const a = "connections: {a: http://a}\n"
	for file, want := range map[string]string{
		a + "models: {m: []}":                                    "models.m: it has no routes",
		a + "models: {m: {routes: []}}":                          "models.m.routes: it has no routes",
		a + "models: {m: {routes: [{}]}}":                        "models.m.routes[0]: it names no connection: write {connection: ID}",
		a + "models: {m: ''}":                                    `models.m: no connection named ""`,
		a + "models: {}":                                         "models: there are none",
		`models: {a: "http://x:1", b: ""}`:                       `models.b: no connection named ""`,
		"connections: {a: {url: http://a, headers: {Host: b}}}":  "connections.a.headers.Host: gollamas itself says Host to a server",
		"connections: {a: {url: http://a, headers: {'X Y': b}}}": `connections.a.headers.X Y: "X Y" cannot be the name of a header`,
	} {
		if _, err := given(t, file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", file, err, want)
		}
	}
}

func TestOriginsThatOllamaWouldNotTakeAreTold(t *testing.T) {
	for list, ok := range map[string]bool{"": true, "*": true, "https://a.com, app://*": true, "https://*.a.com": true, "a.com": false, "https://*.*": false} {
		c, err := given(t, "", map[string]string{"OLLAMA_ORIGINS": list}, "--connection", "a=http://a")
		if (err == nil) != ok || ok && c.Origins != list {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestNoSecretIsPrinted(t *testing.T) {
	for _, flags := range [][]string{
		{"--proxy", "http://user:SECRET@host"}, {"--connection", "http://user:SECRET@host"}, {"--proxy", "m=user:SECRET@host:1"},
		{"--connection", "a=dns+ftp://u:SECRET@host"}, {"--proxy", "m=dns+http://u:SECRET@10.0.0.1"}, {"--connection", "a=dns+http://u:SECRET@h?x"},
		{"--proxy", "http://u:SECR=ET@h"}, {"--proxy", "m=http://host/?token=SECRET"}, {"--connection", "a=http://u:1/SECRET@host"},
	} {
		if _, err := given(t, "", nil, flags...); err == nil || strings.Contains(err.Error(), "SECR") {
			t.Errorf("%v: %v", flags, err)
		}
	}
	for _, file := range []string{
		"connections:\n  a:\n    url: http://a\n    headers: {Authorization: \"Bearer SECRET\"}\n  b: [\n",
		"connections: {a: {url: http://a, headers: Bearer SECRET}}", "connections: {a: {url: 'http://u:SECRET@h?x'}}",
	} {
		if _, err := given(t, file, nil); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestOddFilesAreTold(t *testing.T) {
	for file, want := range map[string]string{
		"connections: {a: http://a}\n---\nmodels: {m: a}\n":     "a second document stands behind ---",
		"connections: {a: {url: http://a, headers: {X: 0123}}}": "connections.a.headers.X: a header's value stands in quotes",
		"connections: {a: 'http://h:99999'}":                    "has a port that does not exist",
	} {
		if _, err := given(t, file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", file, err, want)
		}
	}
	for _, file := range []string{"connections: {a: http://a}\nmodels:\naliases:\n", "\ufeffconnections: {a: http://a}\n", "---\nconnections: {a: http://a}\n", "# x\n---\nconnections:\n  a: http://a\n---\n# end\n", "connections:\r\n  a: http://a\r\n"} {
		if _, err := given(t, file, nil); err != nil {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func TestTwoPasswordsAreTwoServers(t *testing.T) {
	c, err := given(t, "", nil, "--proxy", "m=http://u:p@h", "--proxy", "n=http://u:q@h", "--proxy", "o=http://u:p@h")
	if err != nil || len(c.Connections) != 2 {
		t.Errorf("%v %v", err, c.Connections)
	}
	if _, err = given(t, "", nil, "--connection", "a=http://u:p@h", "--connection", "a=http://u:q@h"); err == nil {
		t.Error("one ID with two passwords passed")
	}
	if _, err = given(t, "", nil, "--proxy", "m=user:secret@host:1"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestEveryWrongAliasIsTold(t *testing.T) {
	_, err := given(t, "connections: {a: http://a}\nmodels: {m: a}\naliases: {x: nope, y: nope2, m: m}", nil)
	if err == nil || !strings.Contains(err.Error(), `aliases.m: alias "m" is also a model`) {
		t.Error(err)
	}
	_, err = given(t, "connections: {a: http://a}\nmodels: {m: a}\naliases: {x: nope, y: nope2}", nil)
	if err == nil || !strings.Contains(err.Error(), "aliases.x: ") || !strings.Contains(err.Error(), "aliases.y: ") {
		t.Error(err)
	}
}

func TestAllErrorsOfAFileAreToldAtOnce(t *testing.T) {
	_, err := given(t, `
lisen: localhost:1
level: 5
watch: [1s]
connections:
  gpu1: server:11434
  gpu2: {urls: http://x, headers: {A: "${NOT_THERE}"}}
  gpu3: {url: http://x, tls: {insecure: yes please}}
models:
  llama3:
    routes: [gpu3, gpu9]
    aliasses: [x]
  mistral: {}
  phi: {routes: {connection: gpu3, wait: 3}}
aliases: [a]
`, nil)
	tellsExactly(t, err,
		`lisen: there is no such setting; did you mean "listen"?`,
		`level: "5" is not a level: it is one of panic, fatal, error, warn, info, debug, trace`,
		`watch: a list should be a plain value`,
		`connections.gpu1: "server:11434" needs http:// or https:// in front`,
		`connections.gpu2.urls: there is no such setting; did you mean "url"?`,
		`connections.gpu2.headers.A: the environment has no variable NOT_THERE`,
		`connections.gpu2: it has no url`,
		`connections.gpu3.tls.insecure: "yes please" should be true or false`,
		`models.llama3.routes[1]: no connection named "gpu9"; did you mean "gpu3"?`,
		`models.llama3.aliasses: there is no such setting; did you mean "aliases"?`,
		`models.mistral: it has no routes: name the connections that have this model`,
		`models.phi.routes.wait: there is no such setting`,
		`aliases: a list should be a mapping, with a key on each line`)
}

// tellsExactly compares an error's lines, in any order.
func tellsExactly(t *testing.T, err error, want ...string) {
	t.Helper()
	got := strings.Split(fmt.Sprint(err), "\n")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestABrokenFileShowsTheLine(t *testing.T) {
	_, err := given(t, "models:\n  a: [b\n", nil)
	if err == nil || !strings.Contains(err.Error(), "is not YAML") || !strings.Contains(err.Error(), "[2:") {
		t.Error(err)
	}
}

func TestTheShippedExamplePassesAndShowsEveryDefault(t *testing.T) {
	const path = "../../gollamas.example.yaml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fs := flag.NewFlagSet("test", flag.ContinueOnError)
	g := Flags(fs)
	g.File = path
	c, err := Load(g, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(plain(c)), fmt.Sprint(plain(defaults())); got != want {
		t.Errorf("the example has %s, the defaults are %s", got, want)
	}
	for _, s := range Settings {
		last := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
		if !strings.Contains(string(text), "\n"+last+":") && !strings.Contains(string(text), "\n# "+last+":") && !strings.Contains(string(text), "\n#   "+last+":") {
			t.Errorf("the example does not show %s", s.Key)
		}
	}
	r := reader{getenv: func(string) string { return "" }}
	var doc any
	if err := yaml.UnmarshalWithOptions(text, &doc, yaml.UseOrderedMap()); err != nil {
		t.Fatal(err)
	}
	r.document(doc)
	for _, s := range nested {
		if !slices.ContainsFunc(r.said.values, func(v said[string]) bool { return v.key == s.Key }) {
			t.Errorf("the example does not show %s", s.Key)
		}
	}
	for _, key := range []string{"connections:", "models:", "routes:", "aliases:", "headers:", "tls:", "ca:", "cert:", "insecure:", "${",
		"\n# keep_alive: ", "\n# num_ctx: ", "\n    # keep_alive: ", "\n    # num_ctx: ", "\n    # on: ", "\n  #   keep_alive: ", "\n  #   num_ctx: ",
		"{enforce: ", "{default: ", "    preload: false ", "        preload: false ", "parallel: 0 ", "dns+http://", "weight: 1 ", "tier: 0 ", "    balance: " + defaults().Balance + " "} {
		if !strings.Contains(string(text), key) {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func TestSizesAndDurations(t *testing.T) {
	for text, want := range map[string]int64{"512MiB": 512 << 20, "20MB": 20e6, "1g": 1 << 30, "1.5KiB": 1536, "7": 7, "8 mib": 8 << 20, "3b": 3} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "0", "-1", "1e99", "MiB", "1QB", "NaN", "inf"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	var d time.Duration
	for text, want := range map[string]time.Duration{"30s": 30 * time.Second, "1h30m": 90 * time.Minute, "5": 5 * time.Second, "0.5": 500 * time.Millisecond} {
		if err := setDuration(&d, text, 0); err != nil || d != want {
			t.Errorf("%s: %v %v", text, d, err)
		}
	}
}

func emptyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func keysFile(t *testing.T) string {
	t.Helper()
	path := emptyFile(t)
	if err := os.WriteFile(path, []byte("[{name: a, key: in-a-file-of-its-own}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
