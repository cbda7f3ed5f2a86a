//go:build unix

package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// docker knows build, run and compose, and checks the files they are given and the settings of gollamas in them.
func docker(args []string) error {
	if len(args) == 0 {
		return errors.New("no command")
	}
	switch command, rest := args[0], args[1:]; command {
	case "build":
		return dockerBuild(rest)
	case "run":
		return dockerRun(rest)
	case "compose":
		return dockerCompose(rest)
	case "network":
		return known(rest, "create ai")
	default:
		return fmt.Errorf("%s is not known", command)
	}
}

func dockerBuild(args []string) error {
	words, said, err := flags(args, map[string]bool{"-t": true, "-f": true, "--build-arg": true})
	if err == nil && len(words) != 1 {
		err = fmt.Errorf("one directory, not %q", words)
	}
	if err != nil {
		return err
	}
	file := "Dockerfile"
	if said["-f"] != nil {
		file = said["-f"][0]
	}
	_, err = os.Stat(inRepository(filepath.Join(words[0], file)))
	return err
}

// runFlags are those of docker run; true: a value follows.
var runFlags = map[string]bool{"-d": false, "--rm": false, "--name": true, "-p": true, "-e": true, "-v": true, "--restart": true, "--network": true}

// dockerRun has gollamas check the settings that a container of it is given.
func dockerRun(args []string) error {
	i := 0
	for i < len(args) && strings.HasPrefix(args[i], "-") {
		if i++; runFlags[args[i-1]] {
			i++
		}
	}
	if i >= len(args) || args[i] != "gollamas" {
		return fmt.Errorf("%q has no image gollamas", args)
	}
	_, said, err := flags(args[:i], runFlags)
	if err != nil {
		return err
	}
	for _, e := range said["-e"] {
		name, value, _ := strings.Cut(e, "=")
		os.Setenv(name, value)
	}
	return checkSettings(args[i+1:]...)
}

func dockerCompose(args []string) error {
	words, said, err := flags(args, map[string]bool{"-f": true, "-d": false, "--profile": true})
	if err != nil {
		return err
	}
	if err := known(words, "up down logs ps restart gollamas pull config"); err != nil {
		return err
	}
	file := "compose.yaml"
	if said["-f"] != nil {
		file = said["-f"][0]
	}
	return checkCompose(inRepository(file))
}

// checkCompose has gollamas check the settings of each service of it in a compose file.
func checkCompose(path string) error {
	doc, err := document(path)
	if err != nil {
		return err
	}
	services, _ := doc["services"].(map[string]any)
	found := 0
	for name, s := range services {
		service, _ := s.(map[string]any)
		if !strings.Contains(name+fmt.Sprint(service["image"]), "gollamas") {
			continue
		}
		found++
		for name, value := range environment(service["environment"]) {
			os.Setenv(name, value)
			defer os.Unsetenv(name)
		}
		if err := checkSettings(list(service["command"])...); err != nil {
			return err
		}
	}
	if found == 0 {
		return fmt.Errorf("%s has no service gollamas", path)
	}
	return nil
}

// environment is a service's, which compose takes as a mapping or as a list.
func environment(v any) map[string]string {
	out := map[string]string{}
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			out[name] = fmt.Sprint(value)
		}
	case []any:
		for _, one := range v {
			name, value, _ := strings.Cut(fmt.Sprint(one), "=")
			out[name] = value
		}
	}
	return out
}

func list(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		for _, one := range v {
			out = append(out, fmt.Sprint(one))
		}
	}
	if len(out) > 0 && out[0] == "serve" {
		return out[1:]
	}
	return out
}

// chart is where the Helm chart stands in the repository.
const chart = "packaging/helm/gollamas"

// helm knows what installs the chart, and wants the chart and each file of values to be there, and no value that the chart has not.
func helm(args []string) error {
	words, said, err := flags(args, map[string]bool{"-f": true, "--values": true, "--set": true, "--set-file": true, "-n": true, "--namespace": true, "--create-namespace": false, "--install": false})
	if err != nil {
		return err
	}
	if len(words) == 0 || !slices.Contains([]string{"install", "upgrade", "template", "lint", "uninstall"}, words[0]) {
		return fmt.Errorf("%q is not known", words)
	}
	if words[0] == "uninstall" {
		return nil
	}
	at := strings.TrimPrefix(words[len(words)-1], "./")
	if at != chart {
		return fmt.Errorf("%s is not the chart", at)
	}
	if _, err := os.Stat(inRepository(filepath.Join(at, "Chart.yaml"))); err != nil {
		return err
	}
	for _, file := range append(said["-f"], said["--values"]...) {
		if err := checkValues(file); err != nil {
			return err
		}
	}
	return checkSet(said["--set"])
}

// checkSet wants the values of --set to be the chart's.
func checkSet(all []string) error {
	for _, one := range all {
		path, value, ok := strings.Cut(one, "=")
		if !ok {
			return fmt.Errorf("--set %s has no value", one)
		}
		doc := any(value)
		parts := strings.Split(path, ".")
		slices.Reverse(parts)
		for _, p := range parts {
			doc = map[string]any{p: doc}
		}
		if err := inChart(doc.(map[string]any)); err != nil {
			return err
		}
	}
	return nil
}

// checkValues wants values to be the chart's, and the settings of gollamas among them to be right.
func checkValues(path string) error {
	values, err := document(path)
	if err != nil {
		return err
	}
	if err := inChart(values); err != nil {
		return err
	}
	for _, name := range []string{"config", "settings"} {
		if settings, ok := values[name]; ok {
			return checkInline(settings)
		}
	}
	return nil
}

// checkInline has gollamas check settings that stand in another file.
func checkInline(settings any) error {
	text, ok := settings.(string)
	if !ok {
		data, err := yaml.Marshal(settings)
		if err != nil {
			return err
		}
		text = string(data)
	}
	f, err := os.CreateTemp("", "settings*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return checkSettings("--config", f.Name())
}

// inChart says which value at the top the chart does not have. While there is no chart nothing can be said.
func inChart(values map[string]any) error {
	root := os.Getenv("DOCS_REPOSITORY")
	if root == "" {
		root = programs.repository
	}
	has, err := document(filepath.Join(root, chart, "values.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name := range values {
		if _, ok := has[name]; !ok {
			return fmt.Errorf("the chart has no value %s", name)
		}
	}
	return nil
}

// kubectl knows what looks at a cluster, and what makes secrets there.
func kubectl(args []string) error {
	words, said, err := flags(args, map[string]bool{"-n": true, "--namespace": true, "-f": true, "--from-literal": true, "--from-file": true})
	if err != nil {
		return err
	}
	for _, file := range append(said["-f"], said["--from-file"]...) {
		if _, name, ok := strings.Cut(file, "="); ok {
			file = name
		}
		if err := checkReadable(file); err != nil {
			return err
		}
	}
	if len(words) == 0 || !slices.Contains([]string{"apply", "get", "create", "port-forward", "logs", "rollout", "describe"}, words[0]) {
		return fmt.Errorf("%q is not known", words)
	}
	return nil
}

func checkReadable(path string) error {
	_, err := os.ReadFile(inRepository(path))
	return err
}
