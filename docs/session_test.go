//go:build unix

package docs

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// boxes are the servers of the pages, and what is installed on each.
var boxes = map[string][]string{
	"gaming-pc:11434": {"llama3.2", "qwen3:8b"},
	"mac-mini:11434":  {"llama3.2", "gemma3:4b"},
	"server-01:11434": {"llama3.2", "qwen3:8b", "nomic-embed-text"},
	"server-02:11434": {"deepseek-r1:14b", "llama3.2"},
	"ollama:11434":    {"llama3.2"},
}

// A session is what a reader types below one heading: in one directory, and with the variables that were exported.
// A gollamas that was started runs until the heading's end, or until the next is started at the same address.
type session struct {
	section, dir string
	swap, back   *strings.Replacer
	own, far     string // where gollamas serves by default, and where others reach it
	admin        string
	running      map[string]*started // by the address
	servers      []*ollamatest.Server
}

// A started is a gollamas that runs until it is ended.
type started struct {
	*exec.Cmd
	said  bytes.Buffer
	ended chan struct{}
	err   error // why it ended, once it has
}

func newSession(t *testing.T, section string, blocks []block) *session {
	t.Helper()
	s := &session{section: section, dir: t.TempDir(), running: map[string]*started{}}
	s.own, s.admin = free(t), free(t)
	s.far = s.own
	for _, b := range blocks {
		if b.section == section && strings.Contains(b.text, "gollamas.lan:11434") {
			s.far = free(t) // it is another machine's
		}
	}
	there := []string{"localhost:11434", s.own, "127.0.0.1:11434", s.own, "0.0.0.0:11434", s.far, "gollamas.lan:11434", s.far,
		"localhost:11435", s.admin, "127.0.0.1:11435", s.admin, "0.0.0.0:11435", s.admin}
	again := []string{s.own, "localhost:11434", s.far, "gollamas.lan:11434", s.admin, "localhost:11435"}
	for name, models := range boxes {
		at := s.box(t, models)
		there, again = append(there, name, at), append(again, at, name)
	}
	s.swap, s.back = strings.NewReplacer(there...), strings.NewReplacer(again...)
	s.write(t, "server.pem", string(certificate.cert))
	s.write(t, "server-key.pem", string(certificate.key))
	s.write(t, "lan.pem", string(certificate.cert))
	return s
}

// box starts a pretend Ollama.
func (s *session) box(t *testing.T, models []string) string {
	o := ollamatest.Options{Parallel: 2, Load: 20 * time.Millisecond}
	for _, m := range models {
		o.Models = append(o.Models, ollamatest.Model{Name: m})
	}
	if strings.Contains(strings.Join(models, " "), "embed") {
		o.Models[len(o.Models)-1].Capabilities = []string{"embedding"}
	}
	server, err := ollamatest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	s.servers = append(s.servers, server)
	return strings.TrimPrefix(server.URL(), "http://")
}

// ports are given out one after the other, below those that the system gives to whoever connects or asks for any: a
// port that was free must still be when a gollamas takes it.
var ports atomic.Int64

// free is an address of this machine that nobody has.
func free(t *testing.T) string {
	t.Helper()
	for range 1000 {
		at := fmt.Sprintf("127.0.0.1:%d", 20000+(int64(os.Getpid())*97+ports.Add(1))%12000)
		if l, err := net.Listen("tcp", at); err == nil {
			l.Close()
			return at
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (s *session) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// end stops what the session has started, and wants it to have ended well.
func (s *session) end(t *testing.T) {
	if s == nil {
		return
	}
	for at := range s.running {
		s.stop(t, at)
	}
	for _, server := range s.servers {
		server.Close()
	}
}

func (s *session) stop(t *testing.T, at string) {
	t.Helper()
	cmd := s.running[at]
	if cmd == nil {
		return
	}
	delete(s.running, at)
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-cmd.ended:
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		<-cmd.ended
	}
	if cmd.err != nil {
		t.Errorf("%s: the gollamas that was started ended with %v:\n%.2000s", s.section, cmd.err, cmd.said.String())
	}
}

// command is a shell with the programs that a reader has. Variables that were exported are there.
func (s *session) command(ctx context.Context, script string, env ...string) *exec.Cmd {
	before := "[ ! -f .exported ] || . ./.exported\ntrap 'unset GOLLAMAS_LISTEN GOLLAMAS_ADMIN; export -p > .exported' EXIT\n"
	if strings.HasPrefix(script, "exec ") {
		before = "[ ! -f .exported ] || . ./.exported\n"
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-e", "-c", before+script)
	cmd.Dir = s.dir
	cmd.WaitDelay = time.Second
	cmd.Env = append([]string{"PATH=" + programs.dir, "HOME=" + s.dir, "TMPDIR=" + s.dir, "DOCS_REPOSITORY=" + programs.repository,
		"MINI_TOKEN=mini", "LAPTOP_KEY=gk-laptoplaptoplaptoplaptop", "TOKEN=gk-teamteamteamteamteamteam", "REDIS_PASSWORD=secret"}, env...)
	return cmd
}

// serving finds a command that goes on until it is ended.
var serving = regexp.MustCompile(`^([A-Z_]+=\S* +)*(\./)?gollamas( +serve\b| +-[^\n]*| *)$`)

// asks are commands of a flag's form that end by themselves.
var asks = regexp.MustCompile(`gollamas +(-h|--help|--version)\b`)

func (s *session) run(t *testing.T, b block) {
	t.Helper()
	script := strings.ReplaceAll(strings.TrimSpace(s.swap.Replace(b.text)), "\\\n", " ")
	lines := strings.Split(script, "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if serving.MatchString(last) && !asks.MatchString(last) {
		s.serve(t, b, append(lines[:len(lines)-1:len(lines)-1], last))
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	output, err := s.command(ctx, script, s.defaults(b)...).CombinedOutput()
	text := s.back.Replace(string(output))
	if err != nil {
		t.Errorf("%s: %v\n%s\n%s", b, err, b.text, text)
		return
	}
	if missing := lacks(text, s.back.Replace(s.swap.Replace(b.expect))); missing != "" {
		t.Errorf("%s: the output has no line %q (or not in this place):\n%s", b, missing, text)
	}
}

// defaults say where to serve what does not say it itself: the addresses of a test are free ones.
func (s *session) defaults(b block) []string {
	said := b.text
	for _, name := range regexp.MustCompile(`\S+\.yaml`).FindAllString(b.text, -1) {
		data, _ := os.ReadFile(filepath.Join(s.dir, name))
		said += string(data)
	}
	var env []string
	if !regexp.MustCompile(`(?m)--listen|-a |--addr|LISTEN|^listen:`).MatchString(said) {
		env = append(env, "GOLLAMAS_LISTEN="+s.own)
	}
	if !regexp.MustCompile(`(?m)--admin|ADMIN|^admin:`).MatchString(said) {
		env = append(env, "GOLLAMAS_ADMIN="+s.admin)
	}
	return env
}

// serve starts a gollamas and waits until it answers.
func (s *session) serve(t *testing.T, b block, lines []string) {
	t.Helper()
	env := s.defaults(b)
	at := s.far
	if len(env) > 0 && strings.HasPrefix(env[0], "GOLLAMAS_LISTEN") {
		at = s.own
	}
	s.stop(t, at)
	words := strings.Join(lines, "\n")
	i := strings.LastIndex(words, "\n") + 1
	words = words[:i] + "exec env " + words[i:] // the shell becomes gollamas, so that it gets the signal
	cmd := &started{Cmd: s.command(context.Background(), words, env...), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &cmd.said, &cmd.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(cmd.ended)
		cmd.err = cmd.Wait()
	}()
	if !cmd.answers(at) {
		cmd.Process.Kill()
		<-cmd.ended
		t.Errorf("%s: nothing answers:\n%s\n%.2000s", b, b.text, cmd.said.String())
		return
	}
	s.running[at] = cmd
}

// answers waits until it does, in vain where the program ends before or ten seconds are over.
func (c *started) answers(at string) bool {
	for range 500 {
		if answers(at) {
			return true
		}
		select {
		case <-c.ended:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return false
}

// answers says whether an Ollama is there.
func answers(at string) bool {
	client := http.Client{Transport: &http.Transport{TLSClientConfig: certificate.trusted(), DisableKeepAlives: true}, Timeout: 2 * time.Second}
	for _, scheme := range []string{"http", "https"} {
		if res, err := client.Get(scheme + "://" + at + "/api/version"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return true
			}
		}
	}
	return false
}

// settings checks a block of YAML, and leaves it under its name for the commands behind it.
func (s *session) settings(t *testing.T, b block) {
	t.Helper()
	name := b.file
	if name == "" {
		name = fmt.Sprintf("block-%d.yaml", b.line)
	}
	s.write(t, name, s.swap.Replace(b.text))
	err := error(nil)
	switch {
	case name == "values.yaml":
		err = checkValues(filepath.Join(s.dir, name))
	case name == "compose.yaml":
		err = checkCompose(filepath.Join(s.dir, name))
	case name == "keys.yaml":
		err = checkSettings("--connection", "main=http://127.0.0.1:9", "--keys-file", filepath.Join(s.dir, name))
	case name == "prometheus.yml":
		err = checkYAML(filepath.Join(s.dir, name))
	default:
		err = s.check(name, b.text)
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", b, err, b.text)
	}
}

// check has gollamas look at settings. A page that shows some of them does not repeat the servers.
func (s *session) check(name, text string) error {
	args := "gollamas check --config " + name
	if !regexp.MustCompile(`(?m)^connections:`).MatchString(text) {
		for _, id := range []string{"gaming-pc", "mac-mini", "server-01", "server-02"} {
			args += " --connection " + id + "=http://" + id + ":11434"
		}
	}
	cmd := s.command(context.Background(), args)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, s.back.Replace(string(output)))
	}
	return nil
}
