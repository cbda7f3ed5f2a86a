//go:build linux

package packaging

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gollamas/internal/ollamatest"
)

// An instruction is a line of a Dockerfile, with the lines that continue it.
type instruction struct{ name, rest string }

func dockerfile(t *testing.T, path string) (out []instruction) {
	t.Helper()
	text := strings.ReplaceAll(read(t, path), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, rest, ok := strings.Cut(line, " "); ok && !strings.HasPrefix(line, "#") {
			out = append(out, instruction{name, strings.TrimSpace(rest)})
		}
	}
	return out
}

// final are the instructions of the last stage, which is the image.
func final(t *testing.T, path string) []instruction {
	all := dockerfile(t, path)
	last := 0
	for i, in := range all {
		if in.name == "FROM" {
			last = i
		}
	}
	return all[last:]
}

// only is the one instruction of that name.
func only(t *testing.T, all []instruction, name string) string {
	t.Helper()
	var found []string
	for _, in := range all {
		if in.name == name {
			found = append(found, in.rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d times %s, want once", len(found), name)
	}
	return found[0]
}

func TestImagesHaveNothingButTheProgramAndNoRoot(t *testing.T) {
	for _, path := range []string{"Dockerfile", "packaging/Dockerfile.release"} {
		all := final(t, path)
		if from := all[0].rest; from != "scratch" {
			t.Errorf("%s: the image is made from %s", path, from)
		}
		user, group, _ := strings.Cut(only(t, all, "USER"), ":")
		for _, id := range []string{user, group} {
			if n, err := strconv.Atoi(id); err != nil || n < 1000 {
				t.Errorf("%s: USER %q is not a number of a person", path, id)
			}
		}
		for _, in := range all {
			switch variable, _, _ := strings.Cut(in.rest, "="); in.name {
			case "ENV":
				known(t, path, variable)
			case "FROM", "ARG", "LABEL", "COPY", "EXPOSE", "USER", "HEALTHCHECK", "ENTRYPOINT":
			default:
				t.Errorf("%s: %s needs a shell, and there is none", path, in.name)
			}
		}
	}
}

func TestNothingIsEmulatedToBuildAnImage(t *testing.T) {
	for _, path := range []string{"Dockerfile", "packaging/Dockerfile.release"} {
		all := dockerfile(t, path)
		for _, in := range all[:len(all)-len(final(t, path))] {
			if in.name == "FROM" && !strings.HasPrefix(in.rest, "--platform=$BUILDPLATFORM ") {
				t.Errorf("%s: FROM %s is of the platform that is asked for", path, in.rest)
			}
		}
	}
}

func TestBothImagesAreTheSame(t *testing.T) {
	one, two := final(t, "Dockerfile"), final(t, "packaging/Dockerfile.release")
	for _, name := range []string{"ENV", "EXPOSE", "USER", "HEALTHCHECK", "ENTRYPOINT"} {
		if a, b := only(t, one, name), only(t, two, name); a != b {
			t.Errorf("%s: %q and %q", name, a, b)
		}
	}
}

// image does what the Dockerfile says, in an empty folder: its RUN of go build, and its COPYs.
func image(t *testing.T) (root string, all []instruction) {
	t.Helper()
	root = t.TempDir()
	runs := slices.DeleteFunc(dockerfile(t, "Dockerfile"), func(in instruction) bool {
		return in.name != "RUN" || !strings.Contains(in.rest, "go build")
	})
	if len(runs) != 1 {
		t.Fatalf("%d builds", len(runs))
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(runs[0].rest, "/out/gollamas", filepath.Join(root, "gollamas")))
	c.Dir = ".."
	c.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+arch(t), "TARGETVARIANT=", "VERSION=9.8.7-test")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for d := root; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755) // another user is to get there
	}
	return root, final(t, "Dockerfile")
}

func arch(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOARCH").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// words are an instruction's in exec form: HEALTHCHECK and ENTRYPOINT.
func words(t *testing.T, rest string) (out []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(rest[strings.Index(rest, "["):]), &out); err != nil {
		t.Fatalf("%s is not in exec form: %v", rest, err)
	}
	return out
}

func TestTheImageRunsFromAnEmptyFolderAsNobodyAndSaysItIsWell(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change the root folder")
	}
	root, all := image(t)
	static(t, filepath.Join(root, "gollamas"))
	hosts(t, root)
	server, err := ollamatest.Start(ollamatest.Options{Models: []ollamatest.Model{{Name: "m", Digest: strings.Repeat("a", 64)}}})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	inside := func(args []string) *exec.Cmd {
		user, group, _ := strings.Cut(only(t, all, "USER"), ":")
		uid, _ := strconv.ParseUint(user, 10, 32)
		gid, _ := strconv.ParseUint(group, 10, 32)
		c := exec.CommandContext(t.Context(), args[0], args[1:]...)
		c.Dir, c.SysProcAttr = "/", &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		c.Env = []string{"GOLLAMAS_CONNECTIONS=main=" + server.URL(), "GOLLAMAS_WATCH=100ms", "GOLLAMAS_ADMIN=" + free(t),
			"GOLLAMAS_LISTEN=" + strings.Replace(free(t), "127.0.0.1", "localhost", 1)}
		return c
	}
	serving := inside(words(t, only(t, all, "ENTRYPOINT")))
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = serving.Process.Signal(syscall.SIGTERM)
		_ = serving.Wait()
	}()
	said, err := "", error(nil)
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		check := inside(words(t, only(t, all, "HEALTHCHECK")))
		check.Env = serving.Env
		var out []byte
		out, err = check.CombinedOutput()
		if said = string(out); err == nil {
			break
		}
	}
	if err != nil || !strings.HasPrefix(said, "ready: ") {
		t.Errorf("%v %s", err, said)
	}
	version, err := inside([]string{"/gollamas", "version"}).Output()
	if err != nil || string(version) != "9.8.7-test\n" {
		t.Errorf("version %s %v", version, err)
	}
}

// hosts writes what every engine gives a container: without it nobody knows where localhost is.
func hosts(t *testing.T, root string) {
	t.Helper()
	etc := filepath.Join(root, "etc")
	if err := errors.Join(os.Mkdir(etc, 0o755), os.WriteFile(filepath.Join(etc, "hosts"), []byte("127.0.0.1 localhost\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// free is an address of loopback that nobody serves on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func static(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a loader, and the image has none")
		}
	}
}
