// Rendered has gollamas check the settings that a rendered chart gives it, where the pods have their files.
//
//	helm template … > rendered.yaml; go run ./packaging/rendered rendered.yaml PROGRAM
package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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

func run(path, program string) error {
	text, err := os.ReadFile(path) // #nosec G304 G703 -- who checks names it
	if err != nil {
		return err
	}
	p, err := parse(text)
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "gollamas")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	settings, err := p.lay(root)
	if err != nil {
		return err
	}
	return check(program, settings, p.variables())
}

// lay puts the files of the pods below root, and returns where the settings are. What a Secret has that is not
// of the chart is made up. A file that the settings name where nothing is mounted is not there, as in the pod.
func (p pod) lay(root string) (string, error) {
	pair, err := certificate()
	if err != nil {
		return "", err
	}
	var moved []string
	for _, dir := range p.mounts {
		moved = append(moved, dir+"/", filepath.Join(root, dir)+"/")
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			return "", err
		}
		for _, path := range regexp.MustCompile(regexp.QuoteMeta(dir)+`/[\w./-]+`).FindAllString(p.files["gollamas.yaml"], -1) {
			text := cmp.Or(p.files[filepath.Base(path)], pair)
			if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
				return "", err
			}
		}
	}
	text := strings.NewReplacer(moved...).Replace(p.files["gollamas.yaml"])
	path := filepath.Join(root, "gollamas.yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func check(program, settings string, variables []string) error {
	c := exec.Command(program, "check", "--config", settings) // #nosec G204 G702 -- who checks names it
	c.Env = append(os.Environ(), variables...)
	out, err := c.CombinedOutput()
	fmt.Printf("%s", out)
	return err
}
