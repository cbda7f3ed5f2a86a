package e2e

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/parser"
)

// binaryVariable names the ollama binary where it is not on PATH.
const binaryVariable = "GOLLAMAS_E2E_OLLAMA"

// binary is the ollama binary; without one the test is skipped.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv(binaryVariable); path != "" {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s: %v", binaryVariable, err)
		}
		return path
	}
	path, err := exec.LookPath("ollama")
	if err != nil {
		t.Skipf("no real Ollama to test with: ollama is not on PATH, and %s names none", binaryVariable)
	}
	return path
}

// A process is a real Ollama server.
type process struct {
	cmd    *exec.Cmd
	log    *journal
	exited chan struct{}
}

// startReal starts an ollama server of the test's own, with the models.
func startReal(t *testing.T, models []string) *server {
	t.Helper()
	path, address := binary(t), freeAddress(t)
	p := &process{cmd: exec.Command(path, "serve"), log: &journal{}, exited: make(chan struct{})}
	p.cmd.Env = append(ollamaEnv(t, address), "OLLAMA_MODELS="+t.TempDir(), "OLLAMA_NO_CLOUD=1")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // it is killed at the end
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("ollama said at last:\n%s", lastLines(p.log.String(), 20))
		}
	})
	s := &server{url: "http://" + address, stop: p.kill, process: p}
	client := ollamaClient(t, s.url)
	soon(t, "ollama answers", func() bool { return p.alive(t) && answers(t, client) })
	for _, m := range models {
		create(t, client, m)
	}
	return s
}

func answers(t *testing.T, c *api.Client) bool {
	_, err := c.Version(t.Context())
	return err == nil
}

// ollamaEnv is an environment in which nothing leads beyond this machine: what is asked of the
// internet goes to a proxy that is not there.
func ollamaEnv(t *testing.T, address string) []string {
	const nowhere = "http://127.0.0.1:9"
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "OLLAMA_HOST=" + address,
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "NO_PROXY=127.0.0.1,localhost",
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// alive fails the test if the process has ended by itself.
func (p *process) alive(t *testing.T) bool {
	t.Helper()
	select {
	case <-p.exited:
		t.Fatalf("ollama has ended:\n%s", lastLines(p.log.String(), 20))
	default:
	}
	return true
}

// end asks the process to end, which ends its runners first, and kills what does not.
func (p *process) end() {
	_ = p.cmd.Process.Signal(os.Interrupt) // what cannot be asked is killed
	select {
	case <-p.exited:
	case <-time.After(2 * time.Second):
	}
	p.kill()
}

// kill ends the process and the runners it has started, as a power cut would.
func (p *process) kill() {
	killGroup(p.cmd)
	<-p.exited
}

// killRunners ends the runners of the server and leaves the server itself.
func (p *process) killRunners(t *testing.T) {
	t.Helper()
	children := childrenOf(t, p.cmd.Process.Pid)
	if len(children) == 0 {
		t.Fatal("the server has no runner")
	}
	for _, pid := range children {
		if runner, err := os.FindProcess(pid); err == nil {
			_ = runner.Kill() // one that is gone is gone
		}
	}
}

// create makes a model as "ollama create" does: blobs first, then what its Modelfile says.
func create(t *testing.T, c *api.Client, model string) {
	t.Helper()
	req := modelfile(t, strings.TrimPrefix(model, "tiny-"), model)
	for name, digest := range req.Files {
		upload(t, c, filepath.Join("testdata", "models", name), digest)
	}
	if err := c.Create(limited(t), req, func(api.ProgressResponse) error { return nil }); err != nil {
		t.Fatalf("create %s: %v", model, err)
	}
}

// modelfile is what one of the Modelfiles asks for, of a model.
func modelfile(t *testing.T, file, model string) *api.CreateRequest {
	t.Helper()
	dir := filepath.Join("testdata", "models")
	text, err := os.ReadFile(filepath.Join(dir, "Modelfile."+file))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req, err := parsed.CreateRequest(dir)
	if err != nil {
		t.Fatal(err)
	}
	req.Model = model
	files := req.Files
	req.Files = map[string]string{}
	for path, digest := range files {
		req.Files[filepath.Base(path)] = digest
	}
	return req
}

func upload(t *testing.T, c *api.Client, path, digest string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.CreateBlob(limited(t), digest, f); err != nil {
		t.Fatalf("upload %s: %v", path, err)
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
