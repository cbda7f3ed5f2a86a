package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gollamas/internal/keys"
)

const served = "connections: {a: http://a}\n"

func TestAKeyIsReadWithEverythingItMay(t *testing.T) {
	sum := sha256.Sum256([]byte("correct-horse-battery"))
	file := served + fmt.Sprintf(`keys:
  - {name: laptop, key: "${LAPTOP_KEY}", models: ["llama3.2", "qwen*"], manage: false, cloud: true, requests_per_minute: 60, tokens_per_day: 1000000, parallel: 4}
  - {name: hashed, key: "sha256:%x"}`, sum)
	c, err := given(t, file, map[string]string{"LAPTOP_KEY": "short", "GOLLAMAS_API_KEYS": "env=another-long-secret"}, "--api-key", "flag=one-more-long-secret")
	if err != nil {
		t.Fatal(err)
	}
	want := []keys.Key{
		{Name: "flag", Hash: sha256.Sum256([]byte("one-more-long-secret"))},
		{Name: "env", Hash: sha256.Sum256([]byte("another-long-secret"))},
		{Name: "laptop", Hash: sha256.Sum256([]byte("short")), Short: true, Models: []string{"llama3.2", "qwen*"}, Manage: keys.No, Cloud: keys.Yes, PerMinute: 60, PerDay: 1000000, Parallel: 4},
		{Name: "hashed", Hash: sum},
	}
	if !reflect.DeepEqual(c.Keys, want) {
		t.Errorf("got  %+v\nwant %+v", c.Keys, want)
	}
}

func TestAFlagsKeyReplacesTheSecretOfTheFilesAndNotItsBounds(t *testing.T) {
	c, err := given(t, served+"keys: [{name: a, key: of-the-file-itself, parallel: 3}]", nil, "--api-key", "a=of-the-flag-itself")
	if err != nil || len(c.Keys) != 1 || c.Keys[0].Hash != sha256.Sum256([]byte("of-the-flag-itself")) || c.Keys[0].Parallel != 3 {
		t.Errorf("%v %+v", err, c.Keys)
	}
}

// TestWhatIsWrongWithKeysIsToldWithoutAnyOfThem: each secret here has the word geheim in it.
func TestWhatIsWrongWithKeysIsToldWithoutAnyOfThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	empty := emptyFile(t)
	for p, text := range map[string]string{
		path:   "- {name: same, key: geheim-in-a-file}\n- geheim-alone\n- {name: x, key: geheim with blanks}\n",
		broken: "- {name: x, key: geheim\n- [",
	} {
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		file  string
		flags []string
		want  []string
	}{
		"a flag": {served, []string{"--api-key", "geheim-without-a-name", "--api-key", "=geheim", "--api-key", "a=ge heim"}, []string{
			"--api-key: it is not written NAME=KEY", "--api-key: it is not written NAME=KEY",
			`--api-key: key "a": a key has no blanks and nothing but ASCII in it, for it stands in a header`}},
		"the list": {served + `keys:
  - {name: a, key: sha256:geheim}
  - {name: b}
  - {key: geheim-without-name}
  - {name: c, key: geheim-c, models: []}
  - {name: d, key: geheim-d, models: ["no such*"], tokens_per_day: -1, requests_per_minute: x}
  - {name: "with blank", key: geheim-e}
  - {name: f, key: geheim-f, modls: [x]}
  - {name: g, key: geheim-same}
  - {name: h, key: geheim-same}
  - {name: i, key: "${NO_SUCH}"}
  - geheim`, nil, []string{
			"keys[0].key: a hash is sha256: and 64 hexadecimal digits: gollamas key new prints one",
			"keys[1]: it has no key: write the secret, ${VARIABLE}, or its hash (gollamas key new prints both)",
			"keys[2]: it has no name: the log and the metrics say who asked by it",
			"keys[3].models: it names no model: leave it out for every model",
			`keys[4].models[0]: "no such*": "no such*" matches no model: " " stands in no name`,
			`keys[4].requests_per_minute: it is not a whole number from 0 to 1000000`,
			`keys[4].tokens_per_day: it is not a whole number from 0 to 1000000000000`,
			`keys[5]: key "with blank": its name has more than 64 characters, a blank, or something that is not ASCII in it`,
			`keys[6]: something stands in it that is none of name, key, models, manage, cloud, requests_per_minute, tokens_per_day, parallel; did you mean "models"?`,
			`keys[8]: key "h", or one with this very secret, is there already (keys[7])`,
			"keys[9].key: the environment has no variable NO_SUCH",
			"keys[10]: it should be a mapping: {name: …, key: …}"}},
		"a file": {served + "keys: [{name: same, key: geheim-here}]\nkeys_file: " + path, nil, []string{
			path + "[0]: key \"same\", or one with this very secret, is there already (keys[0])",
			path + "[1]: it should be a mapping: {name: …, key: …}",
			path + "[2].key: a key has no blanks and nothing but ASCII in it, for it stands in a header"}},
		"no YAML": {served + "keys_file: " + broken, nil, []string{"keys_file: " + broken + " is not YAML: line 2"}},
		"no list": {served + "keys: geheim-alone", nil, []string{"keys: it should be a list of {name: …, key: …}"}},
		"no key": {served + "keys: []\nkeys_file: " + empty, nil, []string{
			"keys: it has no key in it: then everybody might ask. To want that, leave it out",
			"keys_file: " + empty + " has no key in it: then everybody might ask. To want that, leave keys_file out"}},
		"half a TLS": {served + "tls: {cert: x}", nil, []string{"tls.cert: tls.cert and tls.key belong together, and one of them is missing"}},
		"a Redis":    {served + `shared: "http://me:geheim@host"`, nil, []string{`shared: it is not a Redis: write redis://HOST:6379, or rediss:// for TLS`}},
	} {
		_, err := given(t, c.file, nil, c.flags...)
		got := strings.Split(fmt.Sprint(err), "\n")
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		if strings.Contains(fmt.Sprint(err), "geheim") {
			t.Errorf("%s: a secret is told: %v", name, err)
		}
	}
}
