package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheFormulaIsFilled(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash here")
	}
	var sums strings.Builder
	for i, platform := range []string{"darwin_arm64", "darwin_amd64", "linux_arm64", "linux_amd64"} {
		sums.WriteString(strings.Repeat(string('a'+rune(i)), 64) + "  gollamas_1.2.3_" + platform + ".tar.gz\n")
	}
	path := filepath.Join(t.TempDir(), "checksums.txt")
	if err := os.WriteFile(path, []byte(sums.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "./formula", "1.2.3", "https://files.example/1.2.3", "https://gollamas.example")
	c.Env = append(os.Environ(), "GOLLAMAS_CHECKSUMS="+path)
	out, err := c.CombinedOutput()
	text := string(out)
	if err != nil {
		t.Fatalf("%v %s", err, text)
	}
	if strings.Contains(text, "@") {
		t.Errorf("something is left to fill: %s", text)
	}
	want := "url \"https://files.example/1.2.3/gollamas_1.2.3_darwin_amd64.tar.gz\"\n      sha256 \"" + strings.Repeat("b", 64) + `"`
	if !strings.Contains(text, want) {
		t.Errorf("%s\nlacks %s", text, want)
	}
}
