package app

import (
	"os"
	"path/filepath"
	"strings"
)

// mostLinks is how many symbolic links may stand on the way to a file: as many as Linux follows.
const mostLinks = 40

// way is the entries of directories by which a path is found: the file itself, and every symbolic link on the way to it,
// which may be made to lead elsewhere. Kubernetes changes files so: one link leads to all of them. Where something is missing,
// it is the last entry.
func way(path string) (entries []string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	at, rest := root(path)
	for links := 0; rest != "" && links <= mostLinks; {
		name, more, _ := strings.Cut(rest, string(filepath.Separator))
		here := filepath.Join(at, name)
		info, err := os.Lstat(here)
		switch {
		case err != nil || more == "" && info.Mode()&os.ModeSymlink == 0:
			return append(entries, here)
		case info.Mode()&os.ModeSymlink == 0:
			at, rest = here, more
			continue
		}
		links++
		entries = append(entries, here)
		to, err := os.Readlink(here)
		if err != nil {
			return entries
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(at, to)
		}
		at, rest = root(filepath.Join(to, more))
	}
	return entries
}

// root cuts a path into where it begins and what follows.
func root(path string) (at, rest string) {
	volume := filepath.VolumeName(path)
	at = volume + string(filepath.Separator)
	return at, strings.TrimPrefix(strings.TrimPrefix(path, volume), string(filepath.Separator))
}
