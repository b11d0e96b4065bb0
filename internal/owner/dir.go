package owner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// File is the name of the file that holds the mark of a directory's maker. Prefix begins
// the names of the directories that contend makes in the temporary one.
const (
	File   = "contend-owner"
	Prefix = "contend-"
)

// MakeDir makes a directory in parent, of a name that begins with prefix and is like no other, and
// signs it. The mark is in its name as well: a process can be killed before it has signed the
// directory, or when it has removed all that was in it.
func MakeDir(parent, prefix string) (string, error) {
	dir, err := os.MkdirTemp(parent, prefix+Self().String()+"-")
	if err != nil {
		return "", err
	}
	if err := Sign(dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// Sign writes this process's mark into the directory dir, and which directory that is: a
// copy of it is somebody's own.
func Sign(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("sign directory: %w", err)
	}
	text := fmt.Sprintf("%s %d\n", Self(), info.Sys().(*syscall.Stat_t).Ino)
	if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o600); err != nil {
		return fmt.Errorf("sign directory: %w", err)
	}
	return nil
}

// RemoveDir removes a directory with all that is in it, the mark last: where something
// cannot be removed, the mark still says whose it is.
func RemoveDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != File {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(dir)
}

// Of returns who made the directory dir. It believes only a directory and a mark of
// this process's user: anybody may put such things into a temporary directory.
func Of(dir string) (Mark, error) {
	mark, err := signed(dir)
	if err != nil {
		if named, ok := named(dir); ok {
			return named, nil
		}
	}
	return mark, err
}

// named returns the mark in the name of a directory of this process's user that is empty, or in
// which a signature was about to be written.
func named(dir string) (Mark, bool) {
	base := filepath.Base(dir)
	pid, _, _ := strings.Cut(base, ".") // with what stands before it
	from, to := strings.LastIndex(pid, "-")+1, strings.LastIndex(base, "-")
	if from > to {
		return Mark{}, false
	}
	m, err := Parse(base[from:to])
	if err != nil {
		return Mark{}, false
	}
	at, err := os.Lstat(dir)
	if err != nil || !at.IsDir() || int(at.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
		return Mark{}, false
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != File {
		return Mark{}, false
	}
	for _, entry := range entries {
		if begun, err := entry.Info(); err != nil || !begun.Mode().IsRegular() || begun.Size() > 0 {
			return Mark{}, false
		}
	}
	return m, true
}

// signed returns the mark in the signature of a directory.
func signed(dir string) (Mark, error) {
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Mark{}, err
	}
	defer f.Close()
	file, errFile := f.Stat()
	at, errDir := os.Lstat(dir)
	if err := errors.Join(errFile, errDir); err != nil {
		return Mark{}, err
	}
	for _, info := range []os.FileInfo{file, at} {
		if int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			return Mark{}, fmt.Errorf("%s is another user's", dir)
		}
	}
	if !file.Mode().IsRegular() || !at.IsDir() {
		return Mark{}, fmt.Errorf("%s is no directory with a mark", dir)
	}
	text, err := io.ReadAll(io.LimitReader(f, 2*MaxLength))
	if err != nil {
		return Mark{}, err
	}
	mark, inode, err := parseSignature(string(text))
	if err == nil && inode != at.Sys().(*syscall.Stat_t).Ino {
		err = errors.New("the mark is of another directory: this one is a copy")
	}
	if err != nil {
		return Mark{}, fmt.Errorf("%s: %w", dir, err)
	}
	return mark, nil
}

// parseSignature reads what Sign wrote.
func parseSignature(text string) (m Mark, inode uint64, err error) {
	mark, number, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
	if m, err = Parse(mark); err != nil {
		return Mark{}, 0, err
	}
	if inode, err = strconv.ParseUint(number, 10, 64); err != nil {
		return Mark{}, 0, fmt.Errorf("parse mark: %w", err)
	}
	return m, inode, nil
}
