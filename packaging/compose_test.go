package packaging

import (
	"slices"
	"testing"
	"time"
)

func TestTheComposeFileIsRight(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
			Command     []string
			Grace       string                  `yaml:"stop_grace_period"`
			Health      struct{ Test []string } `yaml:"healthcheck"`
			Volumes     []string                `yaml:"volumes"`
		}
		Volumes map[string]any
	}
	parse(t, "compose.yaml", &file)
	g := file.Services["gollamas"]
	var env []string
	for name, value := range g.Environment {
		known(t, "compose.yaml", name)
		env = append(env, name+"="+value)
	}
	accepts(t, "compose.yaml", g.Command[1:])
	out, err := gollamas(t, env, append([]string{"check"}, g.Command[1:]...)...)
	if err != nil || g.Command[0] != "serve" {
		t.Errorf("%v %s", err, out)
	}
	if !slices.Equal(g.Health.Test, []string{"CMD", "/gollamas", "health"}) {
		t.Errorf("its health check is %v", g.Health.Test)
	}
	if grace, err := time.ParseDuration(g.Grace); err != nil || grace <= drain {
		t.Errorf("it is killed after %s", g.Grace)
	}
	for _, name := range []string{"ollama-1", "ollama-2"} {
		s := file.Services[name]
		if _, ok := file.Volumes[name]; s.Image != "ollama/ollama" || !ok || s.Volumes[0] != name+":/root/.ollama" || len(s.Health.Test) == 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
