package server

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// credential returns the user that the server runs as: nil for our own and, where
// that is root, postgres or else nobody.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// makeDir makes a directory for owner alone, under dir or, where owner cannot
// get there, under [os.TempDir].
func makeDir(dir string, owner *syscall.Credential) (string, error) {
	parent, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(parent); err != nil {
		return "", err
	} else if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	if !reachable(parent, owner) {
		if parent = os.TempDir(); !reachable(parent, owner) {
			return "", fmt.Errorf("user %d can reach neither %s nor %s", owner.Uid, dir, parent)
		}
	}
	made, err := os.MkdirTemp(parent, "postgres-")
	if err != nil {
		return "", err
	}
	if err := give(made, owner); err != nil {
		return "", errors.Join(err, os.Remove(made))
	}
	return made, nil
}

// give makes owner the owner of path, where it is not nil.
func give(path string, owner *syscall.Credential) error {
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// reachable reports whether owner may go through every directory down to path,
// by their modes alone.
func reachable(path string, owner *syscall.Credential) bool {
	if owner == nil {
		return true // it is we, and have been here
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(path)
		if err != nil || !enterable(info, owner) {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
		path = filepath.Dir(path)
	}
}

func enterable(info os.FileInfo, owner *syscall.Credential) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch mode := info.Mode(); {
	case !ok:
		return false
	case stat.Uid == owner.Uid:
		return mode&0o100 != 0
	case stat.Gid == owner.Gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
