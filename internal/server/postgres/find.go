package postgres

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// ErrMissing says that this machine has no PostgreSQL to start, and how to get one.
var ErrMissing = errors.New("no initdb and postgres on PATH or in /usr/lib/postgresql: apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora), brew install postgresql (macOS)")

// Find returns the directory of the initdb and postgres to start: the one on
// PATH, or the newest version in /usr/lib/postgresql, where Debian keeps them
// off PATH. Where there is none, it returns [ErrMissing].
func Find() (bin string, err error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if full, err := filepath.Abs(initdb); err == nil && complete(filepath.Dir(full)) {
			return filepath.Dir(full), nil
		}
	}
	return findIn("/usr/lib/postgresql")
}

// findIn looks for DIR/VERSION/bin.
func findIn(dir string) (string, error) {
	bins, _ := filepath.Glob(filepath.Join(dir, "*", "bin")) // the pattern is well formed
	slices.SortFunc(bins, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	for _, bin := range bins {
		if complete(bin) {
			return bin, nil
		}
	}
	return "", ErrMissing
}

// version reads the VERSION of DIR/VERSION/bin: 15, or 9.6.
func version(bin string) float64 {
	v, _ := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64) // what is no number is the oldest
	return v
}

func complete(bin string) bool {
	for _, program := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(bin, program))
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}
