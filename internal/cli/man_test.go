package cli

import (
	"os/exec"
	"strings"
	"testing"
)

func TestManPageHasNoWarnings(t *testing.T) {
	page := printed(t, "man")
	for line := range strings.Lines(page) {
		if len(line) > 1 && line[0] == '.' && !strings.Contains(" TH SH TP B RI RS RE br nf fi I ", " "+strings.Fields(line[1:])[0]+" ") {
			t.Errorf("a line that roff would take for a request: %s", line)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff here")
	}
	c := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-z", "-Tutf8")
	c.Stdin = strings.NewReader(page)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v %s", err, out)
	}
}
