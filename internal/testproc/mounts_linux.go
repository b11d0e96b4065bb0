package testproc

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// OwnMounts returns what gives a command user and mount namespaces of its own (user_namespaces(7)): in
// them it is root, and what it mounts only it and its children see, until they have ended. Where the
// kernel does not allow that, the test is skipped, or fails where nothing may be skipped: in CI.
func OwnMounts(t testing.TB) *syscall.SysProcAttr {
	t.Helper()
	probe := exec.Command("true")
	probe.SysProcAttr = ownMounts()
	if err := probe.Run(); err != nil {
		Lacks(t, "a disk of its own, because there are no namespaces: %v", err)
	}
	return ownMounts()
}

func ownMounts() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

// MountDisk mounts a file system of so many bytes at dir, in memory, for a process with [OwnMounts].
func MountDisk(dir string, size int64) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size))
}

// OnDisk has a command of [OwnMounts] run with a file system of so many bytes at dir, which it mounts first.
func OnDisk(t testing.TB, cmd *exec.Cmd, dir string, size int64) {
	t.Helper()
	cmd.SysProcAttr = OwnMounts(t)
	shell := exec.Command("sh", append([]string{"-c", `mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"`, "sh", fmt.Sprint(size), dir, cmd.Path}, cmd.Args[1:]...)...)
	cmd.Path, cmd.Args = shell.Path, shell.Args
}

// RemountReadOnly makes what is mounted at dir read-only, for a process with [OwnMounts].
func RemountReadOnly(dir string) error {
	return syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
}
