//go:build linux

package packaging

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gollamas/internal/config"
)

// serve runs gollamas until the test ends, and waits until somebody answers at the address.
func serve(t *testing.T, address string, env []string, args ...string) {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), path, append([]string{"serve", "--level=fatal"}, args...)...)
	c.Env, c.Stderr = env, os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
	if !answers(address) {
		t.Fatalf("nobody answers at %s", address)
	}
}

// answers says whether somebody takes a connection there within ten seconds.
func answers(address string) bool {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = c.Close()
			return true
		}
	}
	return false
}

func port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(free(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestAnImageIsReachedByIPv4AndIPv6AndKnowsItIsWell(t *testing.T) {
	port := port(t)
	listen := strings.Replace(only(t, final(t, "Dockerfile"), "ENV"), "11434", port, 1)
	env := []string{listen, "GOLLAMAS_ADMIN=off", "GOLLAMAS_CONNECTIONS=main=http://" + free(t)}
	serve(t, "127.0.0.1:"+port, env)
	if out, err := gollamas(t, env, "health"); err != nil {
		t.Errorf("%v %s", err, out)
	}
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	_ = l.Close()
	if !answers("[::1]:" + port) {
		t.Errorf("%s is not reached by IPv6", listen)
	}
}

// TestTheChartKnowsWhatNeedsANewStart changes each setting below a gollamas that runs: the chart replaces its pods
// for those that are refused then.
func TestTheChartKnowsWhatNeedsANewStart(t *testing.T) {
	dir := t.TempDir()
	path, admin := filepath.Join(dir, "gollamas.yaml"), free(t)
	base := "connections: {main: \"http://" + free(t) + "\"}\nlisten: localhost:" + port(t) + "\nadmin: " + admin + "\n"
	write(t, path, base)
	write(t, filepath.Join(dir, "keys.yaml"), "[{name: anna, key: a-key-that-is-long-enough}]\n")
	certificate(t, dir)
	serve(t, admin, nil, "--config", path)
	refused := []string{"listen", "admin"} // which are the chart's own, and stand in what pods are made from
	for _, found := range regexp.MustCompile(`dict "(\w+)" |list ((?:"\w+" ?)+)`).FindAllStringSubmatch(restart(t), -1) {
		refused = append(refused, strings.Fields(strings.ReplaceAll(found[1]+" "+found[2], `"`, ""))...)
	}
	for _, s := range config.Settings {
		key, text := changed(t, s, dir, base)
		write(t, path, text)
		if got := status(t, "http://"+admin+"/api/reload"); got != http.StatusOK != slices.Contains(refused, key) {
			t.Errorf("%s: %d, and the chart replaces pods for %v", key, got, refused)
		}
		write(t, path, base)
		if got := status(t, "http://"+admin+"/api/reload"); got != http.StatusOK {
			t.Fatalf("back from %s: %d", key, got)
		}
	}
}

// restart is the part of the chart that says what pods are replaced for.
func restart(t *testing.T) string {
	_, after, _ := strings.Cut(read(t, chart+"templates/_names.tpl"), `define "gollamas.restart"`)
	of, _, ok := strings.Cut(after, "{{- end -}}\n\n")
	if !ok {
		t.Fatal("the chart does not say it")
	}
	return of
}

// changed are settings in which one has another value than it has by itself, and the key of that one.
func changed(t *testing.T, s config.Setting, dir, base string) (key, text string) {
	key, _, _ = strings.Cut(s.Key, ".")
	value := map[string]string{"": "true", "TIME": "11s", "N": "7", "SIZE": "11MiB", "URL": "redis://" + free(t), "ADDR": free(t),
		"FILE": filepath.Join(dir, "keys.yaml")}[s.Value]
	switch {
	case key == "tls":
		value = "{cert: " + filepath.Join(dir, "tls.pem") + ", key: " + filepath.Join(dir, "tls.pem") + "}"
	case len(s.Words) > 0:
		value = s.Words[len(s.Words)-1]
	case value == "":
		t.Fatalf("%s: what %s looks like is not known here", s.Key, s.Value)
	}
	line := key + ": "
	if at := strings.Index(base, "\n"+line); at >= 0 {
		rest := base[at+1:]
		base = base[:at+1] + rest[strings.Index(rest, "\n")+1:]
	}
	return key, base + line + value + "\n"
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	res, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}
