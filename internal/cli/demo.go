package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"gollamas/internal/app"
	"gollamas/internal/config"
	"gollamas/internal/ollamatest"
	"gollamas/internal/telemetry"
)

// demoServers are the pretend servers of the demo and what each has been given.
var demoServers = []struct {
	id     string
	models []string
}{
	{"gaming-pc", []string{"llama3.2", "qwen3:8b"}},
	{"mac-mini", []string{"gemma3:4b", "llama3.2"}},
	{"lab-box", []string{"deepseek-r1:14b"}},
}

// demoAlias is another name for a model, to show that clients see only it.
var demoAlias = [2]string{"gpt-4o-mini", "llama3.2"}

// demoPace is how fast the pretend servers talk: like a small model on a good card.
const demoPace = 40 * time.Millisecond

// demo starts pretend servers and gollamas in front of them.
func (t terminal) demo(args []string) error {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	listen := fs.String("listen", "localhost:11434", "")
	exit := fs.Bool("exit", false, "")
	if err := parse(fs, args); err != nil {
		return err
	}
	flags, stop, err := startDemoServers()
	defer stop()
	if err != nil {
		return err
	}
	cfg, err := t.demoConfig(flags)
	if err != nil {
		return err
	}
	cfg.Listen, cfg.Admin = *listen, "" // nobody operates it
	a, err := app.New(cfg, telemetry.NewLogger(io.Discard, "panic"))
	if err != nil {
		return err
	}
	l, err := a.Listen()
	asked := false
	fs.Visit(func(f *flag.Flag) { asked = asked || f.Name == "listen" })
	if err != nil && !asked { // an Ollama of one's own is probably there
		l, err = net.Listen("tcp", "localhost:0")
	}
	if err != nil {
		return err
	}
	ctx, now, end := t.signals()
	defer end()
	ctx, finish := context.WithCancel(ctx)
	defer finish()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, now, l) }()
	err = t.show(ctx, a, demoURL(l.Addr()))
	if *exit || err != nil {
		finish()
	} else {
		fmt.Fprintln(t.out, "\nCtrl-C ends it.")
	}
	return errors.Join(err, <-ended)
}

// demoURL is the address as a person would type it.
func demoURL(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() {
		return fmt.Sprintf("http://localhost:%d", tcp.Port)
	}
	return "http://" + addr.String()
}

// startDemoServers starts the pretend servers and returns the flags that name them.
func startDemoServers() (flags []string, stop func(), err error) {
	var started []*ollamatest.Server
	stop = func() {
		for _, s := range started {
			s.Close()
		}
	}
	for _, d := range demoServers {
		o := ollamatest.Options{Pace: demoPace, Parallel: 4}
		for _, m := range d.models {
			o.Models = append(o.Models, ollamatest.Model{Name: m, Load: 10 * demoPace})
		}
		s, err := ollamatest.Start(o)
		if err != nil {
			return nil, stop, err
		}
		started = append(started, s)
		flags = append(flags, "--connection", d.id+"="+s.URL())
		for _, m := range d.models {
			flags = append(flags, "--proxy", m+"="+d.id)
		}
	}
	return append(flags, "--alias", demoAlias[0]+"="+demoAlias[1]), stop, nil
}

// demoConfig reads the demo's own flags and nothing of the environment.
func (t terminal) demoConfig(flags []string) (config.Config, error) {
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	given := config.Flags(fs)
	if err := fs.Parse(flags); err != nil {
		return config.Config{}, err
	}
	return config.Load(given, func(string) string { return "" })
}

// show prints what is served and what to paste, and asks each model once.
func (t terminal) show(ctx context.Context, a *app.App, url string) error {
	fmt.Fprintf(t.out, "gollamas answers on %s, with three pretend Ollama servers behind it:\n\n", url)
	lines := a.Lines()
	t.routes(lines)
	fmt.Fprintf(t.out, "\nPaste any of these into another terminal (X-Gollamas-Server says who answered):\n\n"+
		"  curl -i %[1]s/api/chat -d '{\"model\":\"llama3.2\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}'\n"+
		"  curl -i %[1]s/v1/chat/completions -d '{\"model\":\"%[2]s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}'\n"+
		"  curl %[1]s/api/tags\n\nAsking each model once:\n\n", url, demoAlias[0])
	fmt.Fprintf(t.out, "  %-16s %-12s %-22s %s\n", "MODEL", "SERVER", "FIRST WORD AFTER", "ANSWER")
	var names []string
	for _, l := range lines {
		names = append(names, l.Model)
	}
	names = append(names, demoAlias[0])
	for _, name := range names {
		if err := t.askOnce(ctx, url, name); err != nil {
			return err
		}
	}
	return nil
}

func (t terminal) askOnce(ctx context.Context, url, model string) error {
	body := fmt.Sprintf(`{"model":%q,"prompt":"hi","options":{"num_predict":6}}`, model)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/generate", strings.NewReader(body))
	if err != nil {
		return err
	}
	start := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", model, err)
	}
	first := time.Since(start)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("asking %s: %w", model, err)
	}
	_, err = fmt.Fprintf(t.out, "  %-16s %-12s %-22s %s…\n", model, res.Header.Get("X-Gollamas-Server"), first.Round(time.Millisecond), words(text))
	return err
}

// words joins what the records of a stream say.
func words(stream []byte) string {
	text := ""
	for line := range bytes.Lines(stream) {
		var record struct{ Response string }
		if json.Unmarshal(line, &record) == nil {
			text += record.Response
		}
	}
	return strings.TrimSpace(text)
}
