package cli

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is set when a release is built: -ldflags "-X gollamas/internal/cli.Version=1.2.3".
var Version = ""

func (t terminal) version(args []string) error {
	fs := flag.NewFlagSet("version", flag.ContinueOnError)
	full := fs.Bool("full", false, "")
	if err := parse(fs, args); err != nil {
		return err
	}
	version, revision := buildInfo()
	if !*full {
		_, err := fmt.Fprintln(t.out, version)
		return err
	}
	_, err := fmt.Fprintf(t.out, "gollamas  %s\nrevision  %s\ngo        %s\nplatform  %s/%s\n",
		version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildInfo is what the Go tool wrote into the program.
func buildInfo() (version, revision string) {
	version, revision = Version, "unknown"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, revision
	}
	if version == "" {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			revision += " (changed)"
		}
	}
	return version, revision
}
