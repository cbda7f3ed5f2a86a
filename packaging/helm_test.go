package packaging

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// helm runs helm, which packaging/check names in GOLLAMAS_HELM once it has built it.
func helm(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path := os.Getenv("GOLLAMAS_HELM")
	if path == "" {
		t.Skip("it takes helm: packaging/check runs it")
	}
	c := exec.CommandContext(t.Context(), path, append([]string{"template", "release", "helm/gollamas", "--kube-version", "1.31.0"}, args...)...)
	out, err := c.CombinedOutput()
	return string(out), err
}

// rendered are the objects of the chart with these values, by kind.
func rendered(t *testing.T, values string) map[string]map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := helm(t, "--values", path)
	if err != nil {
		t.Fatalf("%v %s", err, text)
	}
	out := map[string]map[string]any{}
	for in := yaml.NewDecoder(bytes.NewReader([]byte(text))); ; {
		var o map[string]any
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if kind, ok := o["kind"].(string); ok {
			out[kind] = o
		}
	}
}

// at is what stands there: keys in a row.
func at(o any, keys ...string) any {
	for _, key := range keys {
		m, _ := o.(map[string]any)
		o = m[key]
	}
	return o
}

// template is the pods' part of a deployment's.
func template(objects map[string]map[string]any) any {
	return at(objects["Deployment"], "spec", "template")
}

func TestKeysOfTheSettingsAreRefusedAndSayWhereTheyGo(t *testing.T) {
	for _, set := range []string{"config.keys[0].name=anna", "config.keys_file=/keys.yaml", "config.api_key=anna=x", "config.api_keys=x"} {
		out, err := helm(t, "--set", set)
		if err == nil || !strings.Contains(out, "keys.list or keys.existingSecret") {
			t.Errorf("%s: %v %s", set, err, out)
		}
	}
}

func TestPodsAreReplacedOnlyForWhatNeedsANewStart(t *testing.T) {
	base := template(rendered(t, "{}"))
	for values, replaced := range map[string]bool{
		"config: {max_connections: 9}":                         true,
		"config: {read_header: 9s}":                            true,
		"config: {shared: 'redis://redis:6379'}":               true,
		"config: {tls: {cert: /c, key: /k}}":                   true,
		"config: {level: debug, drain: 31s, queue: {wait: 9}}": false,
		"config: {connections: {a: 'http://a'}}":               false,
		"replicas: 7":                                          false,
	} {
		now := template(rendered(t, values))
		if got := !reflect.DeepEqual(base, now); got != replaced {
			t.Errorf("%s: pods replaced: %v, want %v", values, got, replaced)
		}
	}
	one := template(rendered(t, "config: {tls: {cert: /c, key: /k}}"))
	if two := template(rendered(t, "config: {tls: {cert: /other, key: /k}}")); !reflect.DeepEqual(one, two) {
		t.Error("another certificate is taken up without a new start, and the pods are replaced for it")
	}
}

func TestOnlyWhoIsNamedReachesTheOperatorsAddress(t *testing.T) {
	rules := func(values string) (out []string) {
		list, _ := at(rendered(t, values)["NetworkPolicy"], "spec", "ingress").([]any)
		for _, rule := range list {
			text, err := yaml.MarshalWithOptions(rule, yaml.Flow(true), yaml.JSON())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, strings.ReplaceAll(strings.TrimSpace(string(text)), `"`, ""))
		}
		return out
	}
	everybody := "{ports: [{port: 11434, protocol: TCP}]}"
	if got := rules("{}"); !slices.Equal(got, []string{everybody}) {
		t.Errorf("without a word: %v", got)
	}
	named := "{from: [{podSelector: {matchLabels: {app: prometheus}}}], ports: [{port: 11435, protocol: TCP}]}"
	if got := rules("networkPolicy: {adminFrom: [{podSelector: {matchLabels: {app: prometheus}}}]}"); !slices.Equal(got, []string{everybody, named}) {
		t.Errorf("with somebody named: %v", got)
	}
	if got := rules("networkPolicy: {enabled: false}"); got != nil {
		t.Errorf("switched off: %v", got)
	}
	if out, err := helm(t, "--set", "podMonitor.enabled=true"); err == nil || !strings.Contains(out, "networkPolicy.adminFrom") {
		t.Errorf("a pod monitor that reaches nobody: %v %s", err, out)
	}
}

func TestTheNetworkPolicyIsForTheDeploymentsPods(t *testing.T) {
	objects := rendered(t, "podLabels: {team: blue}")
	want, _ := at(objects["NetworkPolicy"], "spec", "podSelector", "matchLabels").(map[string]any)
	has, _ := at(template(objects), "metadata", "labels").(map[string]any)
	merged := maps.Clone(has)
	maps.Copy(merged, want)
	if len(want) == 0 || !reflect.DeepEqual(merged, has) {
		t.Errorf("it selects %v, and pods have %v", want, has)
	}
}

func TestFilesAndVariablesOfTheOperatorReachThePods(t *testing.T) {
	text := read(t, "packaging/helm/ci/tls.yaml")
	var said map[string]any
	parse(t, "packaging/helm/ci/tls.yaml", &said)
	pod := at(template(rendered(t, text)), "spec")
	boxes, _ := at(pod, "containers").([]any)
	for _, c := range []struct{ value, key string }{{"extraVolumeMounts", "volumeMounts"}, {"envFrom", "envFrom"}} {
		contains(t, at(boxes[0], c.key), said[c.value])
	}
	contains(t, at(pod, "volumes"), said["extraVolumes"])
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		if asks := at(boxes[0], probe, "httpGet", "port"); asks != "admin" {
			t.Errorf("%s asks %v, which may be HTTPS", probe, asks)
		}
	}
}

// contains wants everything of one list to be in another.
func contains(t *testing.T, has, wants any) {
	t.Helper()
	all, _ := has.([]any)
	some, _ := wants.([]any)
	if len(some) == 0 {
		t.Error("nothing is wanted")
	}
	for _, one := range some {
		if !slices.ContainsFunc(all, func(o any) bool { return reflect.DeepEqual(o, one) }) {
			t.Errorf("%v is not among %v", one, all)
		}
	}
}
