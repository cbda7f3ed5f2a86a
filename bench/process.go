package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// A hello is the one line a role prints when it is ready.
type hello struct {
	Address string // where it serves
	Control string // where it is asked what that costs
}

// A process is a role that runs.
type process struct {
	hello
	cmd   *exec.Cmd
	stdin io.Closer // closed, it ends the role
	ended chan error
}

// patience is how long a process may take to end by itself.
const patience = 2 * time.Second

// start runs this program once more, in a role. The process ends when ctx
// ends, when it is stopped, and when this one dies: then its stdin closes.
func start(ctx context.Context, role, server string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self) // #nosec G204 -- this very program
	cmd.Env = append(os.Environ(), roleEnv+"="+role, serverEnv+"="+server)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin, ended: make(chan error, 1)}
	err = json.NewDecoder(bufio.NewReader(stdout)).Decode(&p.hello)
	go func() { p.ended <- cmd.Wait() }()
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("the role %s did not start: %w", role, err)
	}
	return p, nil
}

// stop ends the process: by closing its stdin, and where that is not enough, by a kill.
func (p *process) stop() {
	_ = p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // it has ended by itself in this moment
		<-p.ended
	}
}

// usage asks the process what it has used so far: "cpu", or "memory", which collects garbage first.
func (p *process) usage(ctx context.Context, what string) (usage, error) {
	var u usage
	body, err := p.ask(ctx, what)
	if err != nil {
		return u, err
	}
	return u, json.Unmarshal(body, &u)
}

func (p *process) ask(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Control+"/"+path, nil) // #nosec G704 -- of a process it has started
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req) // #nosec G704 -- of a process it has started
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking for %s: %s", path, res.Status)
	}
	return io.ReadAll(res.Body)
}
