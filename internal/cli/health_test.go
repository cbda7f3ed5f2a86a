package cli

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// healthOf runs gollamas health and returns its exit code and what it said.
func healthOf(args ...string) (int, string) {
	var out strings.Builder
	code := terminal{out: &out, err: &out, getenv: func(string) string { return "" }}.run(
		append([]string{"health", "--connection", "a=http://127.0.0.1:1"}, args...))
	return code, out.String()
}

// answering serves one answer on every path, and notes what was asked.
func answering(t *testing.T, status int, text string) (address string, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.Path)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), asked
}

func wantHealth(t *testing.T, wantCode int, want string, args ...string) {
	t.Helper()
	if code, got := healthOf(args...); code != wantCode || !strings.Contains(got, want) {
		t.Errorf("%v: %d %q, want %d %q", args, code, got, wantCode, want)
	}
}

func TestHealthAsksTheOperatorsAddress(t *testing.T) {
	address, asked := answering(t, 200, "ready: 2 of 3 routes are served\nc: a is down")
	wantHealth(t, 0, "ready: 2 of 3 routes are served\n", "--admin", address)
	if len(*asked) != 1 || (*asked)[0] != "GET /readyz" {
		t.Errorf("asked %v", *asked)
	}
}

func TestHealthFailsWhereNoRouteIsServed(t *testing.T) {
	address, _ := answering(t, 503, "no route is served\nm: a is down")
	wantHealth(t, 1, "says 503: no route is served; m: a is down\n", "--admin", address)
}

func TestHealthFailsWhereNobodyIsThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	wantHealth(t, 1, "cannot be asked: ", "--admin", l.Addr().String())
}

func TestHealthAsksTheListenerWithoutAnOperatorsAddress(t *testing.T) {
	address, asked := answering(t, 200, "Ollama is running")
	wantHealth(t, 0, "Ollama is running\n", "--admin", "off", "--listen", address)
	if len(*asked) != 1 || (*asked)[0] != "GET /" {
		t.Errorf("asked %v", *asked)
	}
}

func TestHealthAsksEveryAddressOnLoopback(t *testing.T) {
	address, _ := answering(t, 200, "ready")
	_, port, _ := net.SplitHostPort(address)
	wantHealth(t, 0, "ready\n", "--admin", "0.0.0.0:"+port)
	wantHealth(t, 0, "ready\n", "--admin", ":"+port)
	for listen, want := range map[string]string{"[::]:5": "[::1]:5", "0.0.0.0:5": "127.0.0.1:5", ":5": "127.0.0.1:5", "box:5": "box:5", "[fe80::1]:5": "[fe80::1]:5"} {
		if got := reachable(listen); got != want {
			t.Errorf("%s is asked at %s, want %s", listen, got, want)
		}
	}
}

func TestHealthDoesNotCheckTheCertificate(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Ollama is running")) }))
	defer s.Close()
	wantHealth(t, 0, "Ollama is running\n", "--admin", "off", "--listen", s.Listener.Addr().String(), "--tls-cert", "c.pem", "--tls-key", "k.pem")
}

func TestHealthFollowsNoRedirect(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer s.Close()
	wantHealth(t, 1, "says 302", "--admin", s.Listener.Addr().String())
}

func TestHealthEndsWhereNothingIsAnswered(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now()
	wantHealth(t, 1, "deadline exceeded", "--admin", l.Addr().String())
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestHealthIsWrongWhereTheSettingsAre(t *testing.T) {
	wantHealth(t, 1, "is not an address", "--admin", "here")
}

// TestHealthNeedsNoServers: a container's servers may be flags, which its health check does not have.
func TestHealthNeedsNoServers(t *testing.T) {
	address, _ := answering(t, 200, "ready: 1 of 1 routes is served")
	var out strings.Builder
	if code := (terminal{out: &out, err: &out, getenv: func(name string) string { return map[string]string{"GOLLAMAS_ADMIN": address}[name] }}).run([]string{"health"}); code != 0 {
		t.Errorf("%d %s", code, out.String())
	}
}
