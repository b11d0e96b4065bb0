package server

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
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
	if _, err := os.ReadDir(parent); err != nil { // it is to be there, and a directory
		return "", err
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

// reachable reports whether owner may go to the directory at path: whether a
// program of owner's can start there.
func reachable(path string, owner *syscall.Credential) bool {
	if owner == nil {
		return true // it is we, and have been here
	}
	cmd := exec.Command("true")
	cmd.Dir, cmd.SysProcAttr = path, &syscall.SysProcAttr{Credential: owner}
	return cmd.Run() == nil
}
