package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A release is as much of .goreleaser.yaml as is looked at.
type release struct {
	Builds []struct {
		Targets []string `yaml:"targets"`
		Flags   []string `yaml:"flags"`
		Ldflags []string `yaml:"ldflags"`
	} `yaml:"builds"`
	Packages []struct {
		Formats  []string `yaml:"formats"`
		Contents []struct {
			Src, Dst, Type string
			Info           struct {
				Owner, Group string
				Mode         fs.FileMode
			} `yaml:"file_info"`
		} `yaml:"contents"`
		Scripts map[string]string `yaml:"scripts"`
	} `yaml:"nfpms"`
	Images []struct {
		Dockerfile string   `yaml:"dockerfile"`
		Platforms  []string `yaml:"platforms"`
	} `yaml:"dockers_v2"`
}

func released(t *testing.T) (out release) {
	parse(t, ".goreleaser.yaml", &out)
	return out
}

func TestAReleaseHasEveryPlatform(t *testing.T) {
	r := released(t)
	want := strings.Fields(`linux_amd64 linux_arm64 linux_arm_6 linux_arm_7 linux_riscv64 linux_s390x linux_ppc64le linux_386
		darwin_amd64 darwin_arm64 windows_amd64 windows_arm64 freebsd_amd64 freebsd_arm64 openbsd_amd64 openbsd_arm64`)
	got := r.Builds[0].Targets
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("binaries for %v\nwant %v", got, want)
	}
	platforms := strings.Fields("linux/amd64 linux/arm64 linux/arm/v7 linux/riscv64 linux/s390x linux/ppc64le")
	if !slices.Equal(r.Images[0].Platforms, platforms) {
		t.Errorf("images for %v\nwant %v", r.Images[0].Platforms, platforms)
	}
	if got := r.Packages[0].Formats; !slices.Equal(got, []string{"deb", "rpm", "apk", "archlinux"}) {
		t.Errorf("packages %v", got)
	}
}

// TestEveryPlatformOfAReleaseIsOneThatGoKnows is quick; what is built for each is packaging/check's to see.
func TestEveryPlatformOfAReleaseIsOneThatGoKnows(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Fields(string(out))
	for _, target := range released(t).Builds[0].Targets {
		parts := strings.Split(target, "_")
		if !slices.Contains(known, parts[0]+"/"+parts[1]) {
			t.Errorf("Go does not know %s", target)
		}
	}
}

func TestWhatAPackageContainsIsThere(t *testing.T) {
	made := read(t, "packaging/prepare")
	kept := 0
	for _, c := range released(t).Packages[0].Contents {
		if c.Type == "dir" {
			continue
		}
		if name, ok := strings.CutPrefix(c.Src, "packaging/made/"); ok {
			if !strings.Contains(made, `"$made/`+name+`"`) {
				t.Errorf("prepare does not make %s", name)
			}
		} else if _, err := os.Stat(filepath.Join("..", c.Src)); err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(c.Dst, "/etc/") {
			kept++
			if c.Type != "config|noreplace" {
				t.Errorf("%s would be overwritten: %q", c.Dst, c.Type)
			}
		}
	}
	if kept != 2 {
		t.Errorf("%d files of /etc, want the settings and the variables", kept)
	}
}

func TestTheImageAndTheReleaseAreBuiltAlike(t *testing.T) {
	b := released(t).Builds[0]
	dockerfile := read(t, "Dockerfile")
	for _, f := range b.Flags {
		if !strings.Contains(dockerfile, f) {
			t.Errorf("the image is built without %s", f)
		}
	}
	if want := strings.ReplaceAll(b.Ldflags[0], "{{ .Version }}", "$VERSION"); !strings.Contains(dockerfile, want) {
		t.Errorf("the image is built without %s", want)
	}
}
