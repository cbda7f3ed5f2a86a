package app

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

func TestAFileGoesOnlyWhereARouteLeads(t *testing.T) {
	x := newQuartet(t, with(), with(), with(), "--allow-running")
	b := newBlob(1000)
	x.post("/api/blobs/"+b.digest, string(b.bytes)).want(t, 201, "")
	if at := x.got("/api/blobs/" + b.digest); at != "a a b b c c" { // each is asked, and then sent it
		t.Errorf("it went to %s", at)
	}
}

func TestAPushWaitsForItsHolder(t *testing.T) {
	pretend(t, inOrder+"manage: true\n"+twoBoxes, map[string]ollamatest.Options{"a": with("m"), "b": with()}, func(t *testing.T, w *world) {
		w.boxes["a"].die()
		wait(20 * time.Second)
		w.post("/api/push", `{"model":"m"}`).want(t, 502, "a: connection")
		if n := len(asked(w.boxes["b"].Server, "/api/push")); n > 0 {
			t.Error("it went to who has not got the model")
		}
	})
}

func TestWhoseAccountItIsIsNotWaitedForLong(t *testing.T) {
	pretend(t, trioFile, trio(), func(t *testing.T, w *world) {
		w.box("a").Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/me", Status: 200, Body: `{"name":"me"}`})
		w.box("c").Fault(ollamatest.Fault{Kind: ollamatest.Hang, Path: "/api/me"})
		a := w.post("/api/me", " ")
		if a.want(t, 200, `{"name":"me"}`); a.took > 10*time.Second {
			t.Errorf("after %s", a.took)
		}
	})
}

func TestTwoConnectionsToOneServerAreOneWhenItIsChanged(t *testing.T) {
	s := ollama(t, with("a"))
	r := start(t, "--manage", "--connection", "x="+s.URL(), "--connection", "y="+s.URL(), "--proxy", "a=x", "--proxy", "b=y", "--proxy", "c=x", "--proxy", "c=y", "--proxy", "d=x")
	r.post("/api/copy", `{"source":"a","destination":"b"}`).want(t, 200, "")
	r.post("/api/pull", `{"model":"c"}`).want(t, 200, `{"status":"success"}`)
	r.post("/api/create", `{"model":"d","from":"new"}`).want(t, 404, "not found on x")
	r.post("/api/create", `{"model":"d","from":"b"}`).want(t, 200, `{"status":"success"}`)
	r.ask("DELETE", "/api/delete", `{"model":"c"}`).want(t, 200, "")
	if n := len(asked(s, "/api/pull")) + len(asked(s, "/api/delete")); n != 2 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestAnAliasIsNotPushedWhereverItIsSent(t *testing.T) {
	x := newQuartet(t, with("exact"), with(), with())
	x.ask("POST", "/api/push", `{"model":"also"}`, "X-Gollamas-Server", "a").want(t, 400, "alias")
	if at := x.got("/api/push"); at != "" {
		t.Errorf("it reached %s", at)
	}
}

func TestAStreamThatIsNeitherTrueNorFalseIsRefusedAsOllamaDoes(t *testing.T) {
	x := newQuartet(t, with("exact"), with("exact"), with())
	for _, c := range [][3]string{{"/api/pull", `{"model":"exact","stream":"no"}`, "string"}, {"/api/pull", `{"model":"exact","stream":0}`, "number"}, {"/api/create", `{"model":"new","from":"exact","stream":[]}`, "array"}} {
		direct := ask(t, "POST", x.b.URL()+c[0], c[1])
		x.b.Reset()
		got := x.post(c[0], c[1])
		if at := x.got(c[0]); at != "" || masked(got) != masked(direct) || !strings.Contains(got.body, "cannot unmarshal "+c[2]) {
			t.Errorf("%s at %q:\n%s\n%s", c[1], at, masked(got), masked(direct))
		}
	}
	x.post("/api/pull", `{"model":"exact","stream":null}`).want(t, 200, "{\"status\":\"success\"}\n")
}

func TestWhatAPatternLeadsToAndIsDownIsLeftOut(t *testing.T) {
	file := "manage: true\nconnections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {'*': [a, b]}\n"
	pretend(t, file, both(with("m")), func(t *testing.T, w *world) {
		w.boxes["b"].die()
		wait(20 * time.Second)
		w.post("/api/pull", `{"model":"m"}`).want(t, 200, `{"status":"success"}`)
		w.post("/api/create", `{"model":"n","from":"m"}`).want(t, 200, `{"status":"success"}`)
		got := w.post("/api/copy", `{"source":"m","destination":"o"}`)
		got.want(t, 502, "copied on a, but not on b (") // b holds it, and would list only one of the two
	})
}

func TestTheListOfANamedServerThatIsDownIsAnError(t *testing.T) {
	x := newQuartet(t, with(), with(), with("m"))
	if by := x.ask("GET", "/api/tags", "", "X-Gollamas-Server", "c").header.Get("X-Gollamas-Server"); by != "c" {
		t.Errorf("it is %q that answers", by)
	}
	x.c.Stop()
	x.connections[2].Servers()[0].LookNow(t.Context(), 5*time.Second)
	for _, path := range []string{"/api/tags", "/api/ps"} {
		x.ask("GET", path, "", "X-Gollamas-Server", "c").want(t, 502, "server c does not answer: connection refused")
	}
}

func TestAServerThatNobodyHasSeenMayHoldAModel(t *testing.T) {
	a := ollama(t, with("m"))
	gone := ollama(t, with("m"))
	gone.Stop()
	r := start(t, "--manage", "--connection", "a="+a.URL(), "--connection", "b="+gone.URL(), "--proxy", "m=a", "--proxy", "m=b")
	r.ask("DELETE", "/api/delete", `{"model":"m"}`).want(t, 502, "deleted on a, but not on b (connection refused)")
}

func TestANameOfTwoPlacesIsRefusedAsOllamaDoes(t *testing.T) {
	x := newQuartet(t, with(), with(), with())
	x.ask("DELETE", "/api/delete", `{"model":"x:local:cloud"}`).want(t, 400, "use either :local or :cloud, not both")
	x.post("/api/copy", `{"source":"x:local:cloud","destination":"y"}`).want(t, 400, `source \"x:local:cloud\" is invalid`)
}

func TestAHolderThatHasLostTheModelHasNothingToDelete(t *testing.T) {
	x := newQuartet(t, with("exact"), with("exact"), with())
	x.a.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/delete", Status: 404, Body: `{"error":"model 'exact' not found"}`, Times: 1})
	x.ask("DELETE", "/api/delete", `{"model":"exact"}`).want(t, 200, "")
}

func TestWhoWasSentAFileIsNotLeftOutOfTheCreateForBeingDown(t *testing.T) {
	file := "manage: true\nconnections: {a: 'http://a.localhost', b: 'http://b.localhost'}\nmodels: {'*': [a, b]}\n"
	pretend(t, file, both(with()), func(t *testing.T, w *world) {
		b := newBlob(1000)
		w.store(b).want(t, 201, "")
		w.boxes["b"].die()
		wait(20 * time.Second)
		w.create(b).want(t, 200, "created on a, but not on b (")
	})
}

func TestWhyAServerTakesNoFileIsSaid(t *testing.T) {
	x := newQuartet(t, with(), with(), with())
	b := newBlob(1000)
	for _, s := range []*ollamatest.Server{x.a, x.b, x.c} {
		s.Fault(ollamatest.Fault{Kind: ollamatest.Status, Path: "/api/blobs/" + b.digest, Status: 403})
	}
	x.post("/api/blobs/"+b.digest, string(b.bytes)).want(t, 403, "not stored on a (asked whether it has the file, it says 403 Forbidden), b (")
}

func TestTheLogNamesTheServersOfARequestThatWentToSeveral(t *testing.T) {
	x := newQuartet(t, with(), with(), with())
	x.post("/api/pull", `{"model":"exact"}`).want(t, 200, "success")
	x.post("/api/pull", `{"model":"mine"}`).want(t, 200, "success")
	x.ask("HEAD", "/api/blobs/"+newBlob(1000).digest, "").want(t, 404, "")
	x.b.Fault(ollamatest.Fault{Kind: ollamatest.Refuse, Path: "/api/pull"})
	x.post("/api/pull", `{"model":"exact"}`).want(t, 200, "error")
	for _, want := range []string{
		`"level":"INFO","msg":"request"[^\n]*"model":"exact","servers":\["a","b"\]`, `"level":"INFO","msg":"request"[^\n]*"model":"mine","server":"a","attempts":1`,
		`"level":"INFO","msg":"request"[^\n]*"endpoint":"HEAD /api/blobs/\{digest\}","status":404`,
		`"level":"ERROR","msg":"request"[^\n]*"model":"exact","servers":\["a","b"\],"failed":\["b: connection`,
	} {
		eventually(t, func() bool { return regexp.MustCompile(want).MatchString(x.log.String()) })
	}
}
