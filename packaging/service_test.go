package packaging

import (
	"strings"
	"testing"
	"time"
)

// unit are the lines of the systemd unit, by key.
func unit(t *testing.T) map[string][]string {
	out := map[string][]string{}
	for line := range strings.Lines(read(t, "packaging/gollamas.service")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			out[key] = append(out[key], value)
		}
	}
	return out
}

func TestTheUnitStartsWhatThereIs(t *testing.T) {
	words := strings.Fields(unit(t)["ExecStart"][0])
	if words[0] != "/usr/bin/gollamas" || words[1] != "serve" {
		t.Fatalf("it starts %v", words)
	}
	accepts(t, "ExecStart", words[2:])
	var file string
	for _, c := range released(t).Packages[0].Contents {
		if strings.Contains(c.Src, "gollamas.yaml") && strings.HasPrefix(c.Dst, "/etc/") {
			file = c.Dst
		}
	}
	if words[len(words)-1] != file {
		t.Errorf("it reads %s, and the package has %s", words[len(words)-1], file)
	}
}

func TestTheUnitIsHardened(t *testing.T) {
	u := unit(t)
	for key, want := range map[string]string{"User": "gollamas", "Group": "gollamas", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "PrivateTmp": "yes",
		"CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
		"Type": "exec", "KillSignal": "SIGTERM", "ExecReload": "/bin/kill -HUP $MAINPID", "EnvironmentFile": "-/etc/default/gollamas"} {
		if got := u[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s=%v, want %s", key, got, want)
		}
	}
	if got := u["ProcSubset"]; got != nil {
		t.Errorf("ProcSubset=%v hides how many connections may wait, and 128 may", got)
	}
	if got := u["DynamicUser"]; got != nil {
		t.Errorf("DynamicUser=%v has no group that a certificate's key could be given to", got)
	}
	if stop, err := time.ParseDuration(u["TimeoutStopSec"][0]); err != nil || stop <= drain {
		t.Errorf("it is killed after %s, while answers may take %s (%v)", stop, drain, err)
	}
}

// drain is how long running answers may take where nobody says otherwise.
const drain = 30 * time.Second

func TestDrainIsWhatTheHelpSays(t *testing.T) {
	if out, err := gollamas(t, nil, "help", "all"); err != nil || !strings.Contains(out, "after SIGTERM (default "+strings.TrimSuffix(drain.String(), "0s")) {
		t.Errorf("%v %s", err, out)
	}
}
