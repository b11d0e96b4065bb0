//go:build unix && !linux

package testproc

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
)

// OwnMounts skips the test: only Linux has namespaces.
func OwnMounts(t testing.TB) *syscall.SysProcAttr {
	t.Skip("only Linux has namespaces")
	return nil
}

// MountDisk is for Linux only.
func MountDisk(string, int64) error { return errors.ErrUnsupported }

// OnDisk skips the test, as [OwnMounts] does.
func OnDisk(t testing.TB, _ *exec.Cmd, _ string, _ int64) { OwnMounts(t) }

// RemountReadOnly is for Linux only.
func RemountReadOnly(string) error { return errors.ErrUnsupported }
