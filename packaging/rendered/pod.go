package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"

	"github.com/goccy/go-yaml"
)

// A pod is what the chart gives each of its pods.
type pod struct {
	files  map[string]string // of its ConfigMap and its Secret, by name
	mounts []string          // the directories in which files are
	env    []string          // names of variables
	any    bool              // it has all variables of a Secret or a ConfigMap, whose names are not known
}

// An object is as much of a rendered one as is looked at.
type object struct {
	Data map[string]string `yaml:"data"`
	Text map[string]string `yaml:"stringData"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []container `yaml:"containers"`
				Volumes    []named     `yaml:"volumes"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type container struct {
	Env    []named `yaml:"env"`
	From   []any   `yaml:"envFrom"`
	Mounts []struct {
		Name    string `yaml:"name"`
		Path    string `yaml:"mountPath"`
		SubPath string `yaml:"subPath"`
	} `yaml:"volumeMounts"`
}

type named struct {
	Name string `yaml:"name"`
}

// parse reads what helm has rendered.
func parse(text []byte) (pod, error) {
	p := pod{files: map[string]string{"keys.yaml": "[{name: somebody, key: a-key-of-a-secret-that-is-not-here}]"}}
	for in := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o object
		err := in.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.add(o)
		}
		if err != nil {
			return pod{}, err
		}
	}
	if p.files["gollamas.yaml"] == "" {
		return pod{}, errors.New("no ConfigMap has a gollamas.yaml")
	}
	return p, nil
}

func (p *pod) add(o object) error {
	maps.Copy(p.files, o.Data)
	maps.Copy(p.files, o.Text)
	volumes := map[string]bool{}
	for _, v := range o.Spec.Template.Spec.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range o.Spec.Template.Spec.Containers {
		for _, m := range c.Mounts {
			if !volumes[m.Name] || m.SubPath != "" {
				return fmt.Errorf("%s: it is mounted of %s, which is no volume, or alone, and then never changes", m.Path, m.Name)
			}
			p.mounts = append(p.mounts, m.Path)
		}
		for _, v := range c.Env {
			p.env = append(p.env, v.Name)
		}
		p.any = p.any || len(c.From) > 0
	}
	return nil
}

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// variables are those that the settings take and the pods have.
func (p pod) variables() (out []string) {
	for _, name := range p.env {
		out = append(out, name+"=x")
	}
	if p.any {
		for _, found := range variable.FindAllStringSubmatch(p.files["gollamas.yaml"], -1) {
			out = append(out, found[1]+"=x")
		}
	}
	return out
}
