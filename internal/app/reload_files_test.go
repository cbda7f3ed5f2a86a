package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gollamas/internal/config"
)

// reloading is launch for a gollamas that can read its settings again.
func reloading(t *testing.T, flags ...string) *running {
	t.Helper()
	return run(t, alone(load(t, flags...)), func(a *App) {
		a.Load = func() (config.Config, error) {
			cfg, err := loaded(flags...)
			return alone(cfg), err
		}
	})
}

// write puts a file with a text in the place of what is there, at once: a file that is cut first may be read so.
func write(t *testing.T, path, text string) {
	t.Helper()
	aside := path + ".new"
	if err := os.WriteFile(aside, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	move(t, aside, path)
}

// said waits until the log has so many lines with a part.
func (r *running) said(n int, part string) {
	r.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); strings.Count(r.log.String(), part) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%d times %q, not %d; the log:\n%s", strings.Count(r.log.String(), part), part, n, r.log)
		}
	}
}

const (
	readAgain = `"settings read again"`
	notRead   = `"settings not read again`
)

func TestTheOperatorHasTheSettingsReadAgainAndSeesWhatCameOfIt(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	text := "admin: 127.0.0.1:0\nconnections: {s: {url: " + s.URL() + ", headers: {Authorization: s3cr3t}}}\nmodels: {tiny-chain: s}\n"
	path := file(t, text)
	r := reloading(t, "--config", path)
	var got struct {
		Settings struct {
			File, Error string
			Read        time.Time `json:"read_at"`
			Tried       time.Time `json:"last_try"`
			Reloads     int
		}
	}
	r.op("/api/state").into(t, &got)
	if now := got.Settings; now.File != path || now.Error != "" || now.Read.IsZero() || !now.Tried.IsZero() || now.Reloads != 0 {
		t.Errorf("%+v", now)
	}
	post := func(fields ...string) reply { return ask(t, "POST", r.ops+"/api/reload", "", fields...) }
	post().want(t, 200, `"reloaded": true`)
	bad := text + "headers: s3cr3t\nlistn: x\n"
	write(t, path, bad)
	r.said(1, notRead) // the file was seen to change, be that soon or late
	no := post()
	no.want(t, 422, `"error": "headers: there is no such setting`)
	no.want(t, 422, `\nlistn: there is no such setting; did you mean`)
	if n := strings.Count(no.body, `\n`); n != 1 {
		t.Errorf("%d line breaks: %s", n, no.body)
	}
	r.op("/api/state").into(t, &got)
	if now := got.Settings; !strings.Contains(now.Error, "listn") || now.Tried.Before(now.Read) || now.Reloads != 1 {
		t.Errorf("%+v", now)
	}
	m := r.metrics()
	if m[`gollamas_settings_reloads_total{result="ok"}`] != 1 || m[`gollamas_settings_reloads_total{result="failed"}`] < 2 || m["gollamas_settings_last_reload_ok"] != 0 {
		t.Error(m)
	}
	if read := m["gollamas_settings_read_timestamp_seconds"]; read < float64(time.Now().Add(-time.Minute).Unix()) {
		t.Error(read)
	}
	for what, got := range map[string]reply{"a page": post("Origin", "http://evil.example"), "another name": post("Host", "evil.example")} {
		if got.status != 403 {
			t.Errorf("%s: %d", what, got.status)
		}
	}
	if got := r.op("/api/reload"); got.status != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", got.status, got.header)
	}
	write(t, path, text)
	post().want(t, 200, `"error": ""`)
	if ok := r.metrics()["gollamas_settings_last_reload_ok"]; ok != 1 {
		t.Error(ok)
	}
	if all := r.log.String() + r.op("/api/state").body + r.op("/metrics").body + no.body; strings.Contains(all, "s3cr3t") {
		t.Error("a secret is told")
	}
}

func TestAFileThatChangesIsReadAgain(t *testing.T) {
	s := ollama(t, with("tiny-chain", "other-chain"))
	text := "connections: {s: '" + s.URL() + "'}\nmodels: {%s: s}\n"
	path := file(t, fmt.Sprintf(text, "tiny-chain"))
	r := reloading(t, "--config", path)
	r.post("/api/chat", chat).want(t, 200, "done")
	other := filepath.Join(filepath.Dir(path), "new")
	write(t, other, fmt.Sprintf(text, "other-chain"))
	if err := os.Rename(other, path); err != nil { // as editors do
		t.Fatal(err)
	}
	r.said(1, readAgain)
	r.post("/api/chat", chat).want(t, 404, "not found")
	write(t, path, fmt.Sprintf(text, "tiny-chain"))
	r.said(2, readAgain)
	r.post("/api/chat", chat).want(t, 200, "done")
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	write(t, keys, "[{name: a, key: 0123456789abcdef}]")
	write(t, path, fmt.Sprintf(text, "tiny-chain")+"keys_file: "+keys+"\n")
	r.said(3, readAgain)
	r.post("/api/chat", chat).want(t, 401, "")
	write(t, keys, "[{name: a, key: fedcba9876543210}]") // a file that is named since
	r.said(4, readAgain)
	r.ask("POST", "/api/chat", chat, "Authorization", "Bearer fedcba9876543210").want(t, 200, "done")
	if strings.Contains(r.log.String(), notRead) {
		t.Error(r.log)
	}
}

func TestAFileThatSaysTheSameIsNotReadAgain(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	path := file(t, "connections: {s: '"+s.URL()+"'}\n")
	a, err := New(load(t, "--config", path), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "connections: {s: '"+s.URL()+"'}\n")
	if a.differs() {
		t.Error("it was only written again")
	}
	write(t, path, "connections: {t: '"+s.URL()+"'}\n")
	if !a.differs() {
		t.Error("it is another")
	}
	if err := os.Remove(path); err != nil || !a.differs() {
		t.Error("it is gone", err)
	}
}

func TestWhatKubernetesSwapsIsReadAgain(t *testing.T) {
	s := ollama(t, with("tiny-chain", "other-chain"))
	dir := t.TempDir()
	put := func(day, model string) {
		if err := os.Mkdir(filepath.Join(dir, day), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, day, "gollamas.yaml"), "connections: {s: '"+s.URL()+"'}\nmodels: {"+model+": s}\n")
		if err := os.Symlink(day, filepath.Join(dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	put("..1", "tiny-chain")
	mounted := filepath.Join(dir, "gollamas.yaml")
	if err := os.Symlink(filepath.Join("..data", "gollamas.yaml"), mounted); err != nil {
		t.Fatal(err)
	}
	entries := way(mounted)
	for _, want := range []string{"gollamas.yaml", "..data", filepath.Join("..1", "gollamas.yaml")} {
		if resolved, err := filepath.EvalSymlinks(dir); err != nil || !slices.Contains(entries, filepath.Join(resolved, want)) {
			t.Errorf("%v lacks %s (%v)", entries, want, err)
		}
	}
	r := reloading(t, "--config", mounted)
	for i, model := range []string{"other-chain", "tiny-chain", "other-chain"} {
		put(fmt.Sprint("..", i+2), model)
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprint("..", i+1))); err != nil {
			t.Fatal(err)
		}
		r.said(i+1, readAgain)
		r.post("/api/chat", strings.Replace(chat, "tiny-chain", model, 1)).want(t, 200, "done")
	}
}

func TestACertificateWithoutItsKeyIsToldOfOnceAndReadWithIt(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	cert, key := certificate(t)
	r := reloading(t, "--connection", "s="+s.URL(), "--tls-cert", cert, "--tls-key", key)
	first := r.shown(t)
	otherCert, otherKey := certificate(t)
	move(t, otherCert, cert)
	r.said(1, notRead)
	if got := r.shown(t); got != first {
		t.Error("it is shown without its key")
	}
	move(t, otherKey, key)
	r.said(1, readAgain)
	if got := r.shown(t); got == first {
		t.Error("the old one is still shown")
	}
	if n := strings.Count(r.log.String(), notRead); n != 1 || !strings.Contains(r.log.String(), "tls.cert and tls.key") {
		t.Errorf("told %d times:\n%s", n, r.log)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// shown is the certificate that a new handshake is shown.
func (r *running) shown(t *testing.T) string {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return string(c.ConnectionState().PeerCertificates[0].Raw)
}

func TestChangesAreDealtWithWhenTheyAreOverButNotLate(t *testing.T) {
	first := time.Now()
	for after, want := range map[time.Duration]time.Duration{0: calm, time.Second: calm, restless - calm/2: calm / 2, restless: 0, restless + time.Hour: 0} {
		if got := due(first, first.Add(after)); got != want {
			t.Errorf("%v behind the first: %v, not %v", after, got, want)
		}
	}
}

func TestADirectoryThatCannotBeWatchedIsAWarningOnly(t *testing.T) {
	s := ollama(t, with("tiny-chain"))
	path := file(t, "connections: {s: '"+s.URL()+"'}\n")
	r := reloading(t, "--config", path)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	r.said(1, notRead)
	r.post("/api/chat", chat).want(t, 200, "done")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, path, "connections: {t: '"+s.URL()+"'}\n")
	r.said(1, readAgain) // it was waited for where it could be
	if got := r.post("/api/chat", chat); got.header.Get("X-Gollamas-Server") != "t" {
		t.Errorf("%+v", got)
	}
}
