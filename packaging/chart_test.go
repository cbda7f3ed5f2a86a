package packaging

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// values are the chart's that promises hang on.
type values struct {
	Config map[string]any
	Grace  int `yaml:"terminationGracePeriodSeconds"`
}

const chart = "packaging/helm/gollamas/"

func TestTheChartsSettingsAreRight(t *testing.T) {
	var v values
	parse(t, chart+"values.yaml", &v)
	text, err := yaml.Marshal(v.Config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gollamas.yaml")
	if err := os.WriteFile(path, append(text, "\nconnections: {ollama: \"dns+http://ollama:11434\"}\nadmin: \":11435\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := gollamas(t, nil, "check", "--config", path, "--listen", ":11434"); err != nil {
		t.Errorf("%v %s", err, out)
	}
}

func TestAPodMayFinishItsAnswers(t *testing.T) {
	var v values
	parse(t, chart+"values.yaml", &v)
	var sum time.Duration
	for _, key := range []string{"drain", "drain_delay"} {
		text, _ := v.Config[key].(string)
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		sum += d
	}
	if grace := time.Duration(v.Grace) * time.Second; grace <= sum {
		t.Errorf("a pod is killed after %s, while it may take %s", grace, sum)
	}
}

func TestTheChartIsOfThisGollamas(t *testing.T) {
	var c struct {
		AppVersion string `yaml:"appVersion"`
		Version    string `yaml:"version"`
	}
	parse(t, chart+"Chart.yaml", &c)
	if c.AppVersion == "" || c.AppVersion != c.Version {
		t.Errorf("chart %q of gollamas %q: they are released together", c.Version, c.AppVersion)
	}
	if strings.HasPrefix(c.AppVersion, "v") {
		t.Errorf("%s: images have no v in front", c.AppVersion)
	}
}

func TestTheSchemaKnowsEveryValue(t *testing.T) {
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(read(t, chart+"values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	parse(t, chart+"values.yaml", &v)
	for key := range v {
		if schema.Properties[key] == nil {
			t.Errorf("the schema lacks %s", key)
		}
	}
	for key := range schema.Properties {
		if _, ok := v[key]; !ok && key != "global" {
			t.Errorf("values.yaml lacks %s", key)
		}
	}
}

func TestThePodsProbesAndFlagsAreThere(t *testing.T) {
	text := read(t, chart+"templates/deployment.yaml")
	for _, want := range []string{"path: /healthz, port: admin", "path: /readyz, port: admin", "containerPort: 11435",
		"runAsNonRoot: true", "readOnlyRootFilesystem: true", "drop: [ALL]", "mountPath: /etc/gollamas, readOnly: true"} {
		if !strings.Contains(text, want) {
			t.Errorf("the deployment lacks %s", want)
		}
	}
	if !strings.Contains(text, `--listen, ":11434"`) || !strings.Contains(read(t, chart+"templates/configmap.yaml"), `"listen" ":11434" "admin" ":11435"`) {
		t.Error("a pod is to be reached by IPv4 and IPv6")
	}
	if strings.Contains(text, "subPath") {
		t.Error("a file that is mounted alone never changes: mount its directory")
	}
	if strings.Contains(read(t, chart+"templates/service.yaml"), "admin") {
		t.Error("the service shows the operator's address")
	}
	accepts(t, "deployment", []string{"--config", "x", "--listen", ":11434"})
}
