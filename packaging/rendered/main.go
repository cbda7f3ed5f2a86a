// Rendered has gollamas check the settings that a rendered chart gives it.
//
//	helm template … > rendered.yaml; go run ./packaging/rendered rendered.yaml PROGRAM
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "rendered: write it rendered FILE PROGRAM")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "rendered:", err)
		os.Exit(1)
	}
}

// An object is as much of a rendered one as is looked at.
type object struct {
	Kind string            `yaml:"kind"`
	Data map[string]string `yaml:"data"`
	Text map[string]string `yaml:"stringData"`
}

func run(path, program string) error {
	text, err := os.ReadFile(path) // #nosec G304 G703 -- who checks names it
	if err != nil {
		return err
	}
	files, err := settings(text)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gollamas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return check(program, dir, files)
}

// settings are the files that the pods are given, by name.
func settings(text []byte) (map[string]string, error) {
	files := map[string]string{}
	for in := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := in.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, from := range []map[string]string{o.Data, o.Text} {
			for name, text := range from {
				files[name] = text
			}
		}
	}
	if files["gollamas.yaml"] == "" {
		return nil, errors.New("no ConfigMap has a gollamas.yaml")
	}
	return files, nil
}

// check lays the files where the settings look for them, below dir, and asks gollamas.
func check(program, dir string, files map[string]string) error {
	keys := files["keys.yaml"]
	if keys == "" {
		keys = "[{name: somebody, key: a-key-of-a-secret-that-is-not-here}]"
	}
	keysFile, config := filepath.Join(dir, "keys.yaml"), filepath.Join(dir, "gollamas.yaml")
	text := strings.ReplaceAll(files["gollamas.yaml"], "/etc/gollamas-keys/keys.yaml", keysFile)
	if err := errors.Join(os.WriteFile(keysFile, []byte(keys), 0o600), os.WriteFile(config, []byte(text), 0o600)); err != nil { // #nosec G703 -- in a folder that it has made
		return err
	}
	c := exec.Command(program, "check", "--config", config) // #nosec G204 G702 -- who checks names it
	c.Env = append(os.Environ(), "MINI_TOKEN=x")
	out, err := c.CombinedOutput()
	fmt.Printf("%s", out)
	return err
}
