package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gollamas/internal/ollamatest"
)

// A quartet is gollamas, allowed to manage, before three pretend servers: exact is routed to a and b by its name,
// everything else by a pattern to b and c; there is no route to off, and a alone may have mine.
type quartet struct {
	*running
	a, b, c, off *ollamatest.Server
}

func newQuartet(t *testing.T, a, b, c ollamatest.Options, more ...string) *quartet {
	t.Helper()
	x := &quartet{a: ollama(t, a), b: ollama(t, b), c: ollama(t, c), off: ollama(t, with("away"))}
	x.running = start(t, append([]string{"--manage", "--connection", "a=" + x.a.URL(), "--connection", "b=" + x.b.URL(), "--connection", "c=" + x.c.URL(), "--connection", "off=" + x.off.URL(),
		"--proxy", "exact=a", "--proxy", "exact=b", "--proxy", "mine=a", "--proxy", "*=b", "--proxy", "*=c", "--alias", "also=exact"}, more...)...)
	return x
}

// got are the servers that got a request, by their names, and forgets it.
func (x *quartet) got(path string) string {
	var out []string
	for name, s := range map[string]*ollamatest.Server{"a": x.a, "b": x.b, "c": x.c, "off": x.off} {
		for range asked(s, path) {
			out = append(out, name)
		}
		s.Reset()
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// lists are the models on a server's disk, short names, in order.
func lists(t *testing.T, s *ollamatest.Server) string {
	t.Helper()
	return named(t, ask(t, "GET", s.URL()+"/api/tags", ""))
}

func named(t *testing.T, a reply) string {
	t.Helper()
	var l struct{ Models []struct{ Name string } }
	if err := json.Unmarshal([]byte(a.body), &l); err != nil {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var out []string
	for _, m := range l.Models {
		out = append(out, strings.TrimSuffix(m.Name, ":latest"))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestWhereAPullGoes(t *testing.T) {
	x := newQuartet(t, with(), with("half", "both"), with("both"))
	for _, c := range []struct{ body, header, want string }{
		{`{"model":"exact"}`, "", "a b"},
		{`{"model":"also"}`, "", "a b"},
		{`{"model":"mine"}`, "", "a"},
		{`{"model":"half"}`, "", "c"},   // c lacks it
		{`{"model":"both"}`, "", "b c"}, // nobody lacks it
		{`{"model":"new"}`, "", "b"},    // nobody has it: the first
		{`{"model":"new"}`, "", "c"},    // and then whoever lacks it
		{`{"model":"odd","stream":false}`, "off", "off"},
	} {
		var named []string
		if c.header != "" {
			named = []string{"X-Gollamas-Server", c.header}
		}
		a := x.ask("POST", "/api/pull", c.body, named...)
		a.want(t, 200, `{"status":"success"}`)
		if got := x.got("/api/pull"); got != c.want {
			t.Errorf("%s went to %q, want %q", c.body, got, c.want)
		}
		if by := strings.Join(a.header["X-Gollamas-Server"], " "); by != c.want {
			t.Errorf("%s: X-Gollamas-Server is %q, want %q", c.body, by, c.want)
		}
	}
	x.c.Stop()
	x.post("/api/pull", `{"model":"newer"}`).want(t, 200, `{"status":"success"}`) // what a pattern leads to is nobody's promise
	if got := lists(t, x.b); got != "both exact half new newer" {
		t.Errorf("b has %s", got)
	}
}

func TestWhereAModelIsMade(t *testing.T) {
	x := newQuartet(t, with("exact", "base"), with("exact"), with("base"))
	for _, c := range []struct {
		body, want string
		status     int
	}{
		{`{"model":"new","from":"exact"}`, "b", 200},  // of those that the name leads to, who has the base
		{`{"model":"new2","from":"base"}`, "c", 200},  // a has it too, and is not given the name
		{`{"model":"new3","from":"also"}`, "b", 200},  // an alias of the base
		{`{"model":"mine","from":"exact"}`, "a", 200}, // exact is on b too
		{`{"model":"exact","from":"exact"}`, "a b", 200},
		{`{"model":"new4","from":"nowhere"}`, "b", 200}, // may be pulled: by the first
		{`{"model":"mine","from":"new4"}`, "", 404},     // may not be pulled by a
		{`{"model":"new5","from":"x:cloud"}`, "", 403},
		{`{"model":"new6","from":"far","remote_host":"http://127.0.0.1:1"}`, "b c", 200},
		{`{"model":"also","from":"exact"}`, "", 400},
		{`{"model":"bad name","from":"exact"}`, "", 400},
		{`{"from":"exact"}`, "", 400},
		{`{"model":"new7","from":7}`, "", 400},
		{`{"model":"new7"}`, "b c", 400},
	} {
		got := x.post("/api/create", c.body)
		if at := x.got("/api/create"); got.status != c.status || at != c.want || c.status == 200 && !strings.HasSuffix(got.body, "{\"status\":\"success\"}\n") {
			t.Errorf("%s: %d at %q, want %d at %q\n%s", c.body, got.status, at, c.status, c.want, got.body)
		}
	}
	if got := x.post("/api/create", `{"model":"new7"}`); !strings.Contains(got.body, "neither 'from' or 'files' was specified") {
		t.Error(got.body) // they agree, and say it themselves
	}
	if a, b, c := lists(t, x.a), lists(t, x.b), lists(t, x.c); a != "base exact mine" || b != "exact new new3 new4 new6 nowhere" || c != "base new2 new6" {
		t.Errorf("a has %s\nb has %s\nc has %s", a, b, c)
	}
}

func TestCopyAndDeleteReachEveryHolder(t *testing.T) {
	x := newQuartet(t, with("exact", "mine", "both"), with("exact", "both"), with("both"))
	for _, c := range []struct {
		do, body, want string
		status         int
	}{
		{"POST /api/copy", `{"source":"exact","destination":"twin"}`, "b", 200}, // a holds it, and twin does not lead there
		{"POST /api/copy", `{"source":"both","destination":"copy"}`, "b c", 200},
		{"POST /api/copy", `{"source":"also","destination":"again"}`, "b", 200},
		{"POST /api/copy", `{"source":"mine","destination":"elsewhere"}`, "", 403},
		{"POST /api/copy", `{"source":"both","destination":"also"}`, "", 400},
		{"POST /api/copy", `{"source":"nope","destination":"x"}`, "", 404},
		{"POST /api/copy", `{"source":"","destination":"x"}`, "", 400},
		{"DELETE /api/delete", `{"model":"both"}`, "b c", 200},
		{"DELETE /api/delete", `{"name":"exact"}`, "a b", 200},
		{"DELETE /api/delete", `{"model":"exact"}`, "", 404},
		{"DELETE /api/delete", `{"model":"also"}`, "", 400},
		{"DELETE /api/delete", `{"model":"a b"}`, "", 400},
		{"DELETE /api/delete", `{}`, "", 400},
	} {
		method, path, _ := strings.Cut(c.do, " ")
		got := x.ask(method, path, c.body)
		if at := x.got(path); got.status != c.status || at != c.want || c.status == 200 && got.body != "" {
			t.Errorf("%s %s: %d at %q, want %d at %q\n%s", c.do, c.body, got.status, at, c.status, c.want, got.body)
		}
	}
	if a, b, c := lists(t, x.a), lists(t, x.b), lists(t, x.c); a != "both mine" || b != "again copy twin" || c != "copy" {
		t.Errorf("a has %s\nb has %s\nc has %s", a, b, c)
	}
	if got := named(t, x.get("/api/tags")); got != "again copy mine twin" {
		t.Errorf("gollamas lists %s", got) // at once
	}
}

func TestNamesThatMeanAPlaceAreRefused(t *testing.T) {
	x := newQuartet(t, with("exact"), with("exact"), with())
	for _, name := range []string{"x:local", "x:cloud", "x:LOCAL", "exact:120b-cloud", "exact:local"} {
		for _, c := range [][2]string{
			{"POST /api/copy", `{"source":"exact","destination":%q}`}, {"POST /api/copy", `{"source":%q,"destination":"y"}`},
			{"DELETE /api/delete", `{"model":%q}`}, {"POST /api/create", `{"model":%q,"from":"exact"}`},
		} {
			method, path, _ := strings.Cut(c[0], " ")
			got := x.ask(method, path, fmt.Sprintf(c[1], name))
			got.want(t, 400, "where it runs")
			if at := x.got(path); at != "" {
				t.Errorf("%s %s reached %s", c[0], name, at)
			}
		}
	}
}

func TestAPushGoesToTheFirstThatHoldsTheModel(t *testing.T) {
	x := newQuartet(t, with("mine"), with(), with("some", "exact"))
	x.post("/api/push", `{"model":"some"}`).want(t, 200, `{"status":"success"}`)
	if at := x.got("/api/push"); at != "c" {
		t.Errorf("it went to %s", at)
	}
	x.post("/api/push", `{"model":"also"}`).want(t, 400, "alias")
	x.ask("POST", "/api/push", `{"model":"away"}`, "X-Gollamas-Server", "off").want(t, 200, `{"status":"success"}`)
	if at := x.got("/api/push"); at != "off" {
		t.Errorf("it went to %s", at)
	}
}

func TestWhoMayManageMayNameTheServer(t *testing.T) {
	x := newQuartet(t, with("exact"), with("exact"), with())
	const field = "X-Gollamas-Server"
	if got := named(t, x.ask("GET", "/api/tags", "", field, "off")); got != "away" {
		t.Errorf("off has %s", got)
	}
	x.ask("GET", "/api/ps", "", field, "off").want(t, 200, `{"models":[]}`)
	x.ask("POST", "/api/show", `{"model":"away"}`, field, "off").want(t, 200, "FROM away:latest")
	x.ask("POST", "/api/show", `{"model":"exact"}`, field, "off").want(t, 404, "not found")
	x.ask("POST", "/api/copy", `{"source":"away","destination":"so"}`, field, "off").want(t, 200, "")
	x.ask("POST", "/api/create", `{"model":"made","from":"away"}`, field, "off").want(t, 200, `{"status":"success"}`)
	x.ask("DELETE", "/api/delete", `{"model":"exact"}`, field, "b").want(t, 200, "")
	if a, b, off := lists(t, x.a), lists(t, x.b), lists(t, x.off); a != "exact" || b != "" || off != "away made so" {
		t.Errorf("a has %s\nb has %s\noff has %s", a, b, off)
	}
	x.ask("DELETE", "/api/delete", `{"model":"exact"}`, field, "of").want(t, 400, "there are a, b, c, off")
	x.ask("POST", "/api/chat", about("exact"), field, "off").want(t, 200, `"done":true`) // it is not one of these
	for _, q := range asked(x.a, "/api/chat") {
		if q.Header.Get(field) != "" {
			t.Error("the field went on to a server")
		}
	}
}

func TestWithAModelItsVariantsAreDeleted(t *testing.T) {
	x := newQuartet(t, with("mine"), with(), with(), "--num-ctx", "mine=8192")
	x.post("/v1/chat/completions", `{"model":"mine","messages":[{"role":"user","content":"hi"}]}`).want(t, 200, "choices")
	if got := lists(t, x.a); !strings.Contains(got, "gollamas/mine:latest-ctx8192-") {
		t.Fatalf("a has %s", got)
	}
	x.ask("DELETE", "/api/delete", `{"model":"mine"}`).want(t, 200, "")
	if got := lists(t, x.a); got != "" {
		t.Errorf("a has %s", got)
	}
}

func TestAShownModelNamesNoPathOfItsServer(t *testing.T) {
	x := newQuartet(t, with(), with("m"), with())
	direct := ask(t, "POST", x.b.URL()+"/api/show", `{"model":"m"}`)
	got := x.post("/api/show", `{"model":"m"}`)
	from := "FROM /"
	if !strings.Contains(direct.body, from) || strings.Contains(got.body, from) || !strings.Contains(got.body, `\nFROM m:latest\n`) {
		t.Errorf("%s\n%s", direct.body, got.body)
	}
	if _, rest, ok := strings.Cut(direct.body, "TEMPLATE"); !ok || !strings.HasSuffix(got.body, rest) {
		t.Errorf("%v %s", got.header, got.body)
	}
}

func TestWhoseAccountItIsTheServersSay(t *testing.T) {
	x := newQuartet(t, with(), with(), with())
	x.post("/api/me", "").want(t, 503, "account unavailable")
	x.b.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/me", Status: 200, Body: `{"name":"me"}`})
	x.post("/api/me", "").want(t, 200, `{"name":"me"}`)
	if by := x.post("/api/me", "").header.Get("X-Gollamas-Server"); by != "b" {
		t.Errorf("%s says so", by)
	}
	for _, s := range []*ollamatest.Server{x.a, x.b, x.c} {
		s.Stop()
	}
	x.post("/api/me", "").want(t, http.StatusBadGateway, "connection refused")
}
