package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheServicesUserMayReadTheSettingsAndNobodyElse(t *testing.T) {
	want := map[string][]string{"/etc/gollamas": {"root", "gollamas", "-rwxr-x---"}, "/etc/gollamas/gollamas.yaml": {"root", "gollamas", "-rw-r-----"}}
	for _, c := range released(t).Packages[0].Contents {
		if w, ok := want[c.Dst]; ok {
			if got := []string{c.Info.Owner, c.Info.Group, c.Info.Mode.String()}; !slices.Equal(got, w) {
				t.Errorf("%s is %v, want %v", c.Dst, got, w)
			}
			delete(want, c.Dst)
		}
	}
	if len(want) > 0 {
		t.Errorf("the packages lack %v", want)
	}
}

// TestTheUnitsUserIsMade follows the user's name from the unit to what makes it.
func TestTheUnitsUserIsMade(t *testing.T) {
	p := released(t).Packages[0]
	if p.Scripts["postinstall"] != "packaging/postinstall" {
		t.Errorf("the packages run %v", p.Scripts)
	}
	var file string
	for _, c := range p.Contents {
		if c.Dst == "/usr/lib/sysusers.d/gollamas.conf" {
			file = c.Src
		}
	}
	user := unit(t)["User"][0]
	if !strings.Contains(read(t, file), "\nu "+user+" - ") {
		t.Errorf("%s does not make %s", file, user)
	}
}

// installed runs postinstall where these programs are and no others, and returns what it calls. It does not
// find the user unless one of the programs is an id.
func installed(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range append(programs, "chown", "chmod") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho "+name+" \"$@\" >> "+dir+"/calls\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "./postinstall")
	c.Env = []string{"PATH=" + dir}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return string(calls)
}

func TestAPackageMakesTheUserWithWhatTheSystemHas(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no shell here")
	}
	rights := `chown root:gollamas /etc/gollamas /etc/gollamas/gollamas.yaml
chmod 0750 /etc/gollamas
chmod 0640 /etc/gollamas/gollamas.yaml
`
	for _, c := range []struct{ programs, calls string }{
		{"id", "id gollamas\n"},
		{"systemd-sysusers useradd groupadd", "systemd-sysusers gollamas.conf\n"},
		{"useradd groupadd adduser addgroup", "groupadd --system --force gollamas\nuseradd --system --gid gollamas --home-dir / --no-create-home --shell /usr/sbin/nologin gollamas\n"},
		{"adduser addgroup", "addgroup -S gollamas\nadduser -S -D -H -h / -s /sbin/nologin -G gollamas gollamas\n"},
	} {
		if got := installed(t, strings.Fields(c.programs)...); got != c.calls+rights {
			t.Errorf("with %s it calls\n%s", c.programs, got)
		}
	}
}
