//go:build unix

package docs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// curl knows the flags that the pages use. Unlike the real one it fails on an answer that is an error, unless -i shows it.
func curl(args []string) error {
	words, said, err := flags(args, map[string]bool{"-s": false, "-f": false, "-i": false, "-N": false, "-X": true, "-H": true, "-d": true, "--cacert": true, "-o": true})
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return fmt.Errorf("one URL, not %q", words)
	}
	url, method, body := words[0], http.MethodGet, strings.Join(said["-d"], "&")
	if !strings.Contains(url, "://") {
		url = "http://" + url
	}
	if said["-d"] != nil {
		method = http.MethodPost
	}
	if said["-X"] != nil {
		method = said["-X"][0]
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range said["-H"] {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fmt.Errorf("%q is no header", h)
		}
		req.Header.Add(name, strings.TrimSpace(value))
	}
	client, err := trusting(said["--cacert"])
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if said["-i"] != nil {
		fmt.Printf("%s %s\n", res.Proto, res.Status)
		res.Header.Write(os.Stdout)
		fmt.Println()
	}
	if _, err := io.Copy(os.Stdout, res.Body); err != nil {
		return err
	}
	if res.StatusCode >= 400 && said["-i"] == nil {
		return errors.New(res.Status)
	}
	return nil
}

// trusting is a client that trusts the certificates of a file.
func trusting(files []string) (*http.Client, error) {
	if len(files) == 0 {
		return http.DefaultClient, nil
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s has no certificate", files[0])
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost"}}}, nil
}

// ollama does over the wire what its command line does. It sends no key: the real one has none to send.
func ollama(args []string) error {
	base := os.Getenv("OLLAMA_HOST")
	if base == "" {
		return errors.New("OLLAMA_HOST is not set, so it would ask this machine's own Ollama")
	}
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	want := map[string]int{"list": 1, "ps": 1, "show": 2, "stop": 2, "run": 2, "pull": 2, "push": 2, "rm": 2, "cp": 3}
	if len(args) == 0 || len(args) < want[args[0]] || want[args[0]] == 0 {
		return fmt.Errorf("%q is not known", args)
	}
	method, path := http.MethodPost, map[string]string{"show": "/api/show", "run": "/api/generate", "stop": "/api/generate", "pull": "/api/pull", "push": "/api/push",
		"rm": "/api/delete", "cp": "/api/copy", "list": "/api/tags", "ps": "/api/ps"}[args[0]]
	body := map[string]any{}
	switch args[0] {
	case "list", "ps":
		return listed(base + path)
	case "cp":
		body["source"], body["destination"] = args[1], args[2]
	case "rm":
		method = http.MethodDelete
		fallthrough
	default:
		body["model"] = args[1]
	}
	switch args[0] {
	case "run":
		body["prompt"] = strings.Join(append(args[2:], "hi"), " ")
	case "stop":
		body["keep_alive"] = 0
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return last(asked(method, base+path, string(text), nil))
}

// last reads a stream to its end, which must be no error, and prints its words.
func last(res *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer res.Body.Close()
	decoder := json.NewDecoder(res.Body)
	for {
		var record struct{ Error, Response, Status string }
		switch err := decoder.Decode(&record); {
		case errors.Is(err, io.EOF):
			fmt.Println()
			return nil
		case err != nil:
			return err
		case record.Error != "":
			return errors.New(record.Error)
		}
		fmt.Print(record.Response)
		if record.Status != "" {
			fmt.Println(record.Status)
		}
	}
}

// listed prints the names of a list.
func listed(url string) error {
	res, err := asked(http.MethodGet, url, "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var list struct{ Models []struct{ Name string } }
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return err
	}
	fmt.Println("NAME")
	for _, m := range list.Models {
		fmt.Println(m.Name)
	}
	return nil
}

// claude asks as Claude Code does: /v1/messages of the address that its variable names, streamed.
func claude(args []string) error {
	words, said, err := flags(args, map[string]bool{"-p": false, "--model": true})
	if err == nil && len(words) > 1 {
		err = fmt.Errorf("%q is more than one question", words)
	}
	if err != nil {
		return err
	}
	base, model := os.Getenv("ANTHROPIC_BASE_URL"), os.Getenv("ANTHROPIC_MODEL")
	if said["--model"] != nil {
		model = said["--model"][0]
	}
	token := os.Getenv("ANTHROPIC_AUTH_TOKEN")
	if base == "" || model == "" || token == "" {
		return errors.New("ANTHROPIC_BASE_URL, ANTHROPIC_AUTH_TOKEN and a model are needed")
	}
	body := fmt.Sprintf(`{"model":%q,"max_tokens":16,"stream":true,"messages":[{"role":"user","content":"hi"}]}`, model)
	res, err := asked(http.MethodPost, strings.TrimSuffix(base, "/")+"/v1/messages?beta=true", body,
		http.Header{"Authorization": {"Bearer " + token}, "Anthropic-Version": {"2023-06-01"}, "Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && !strings.Contains(string(text), "message_stop") {
		err = fmt.Errorf("the stream has no end: %s", text)
	}
	return err
}
