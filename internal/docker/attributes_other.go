//go:build unix && !linux

package docker

import "syscall"

// attributes gives a client a process group of its own. Only Linux has a
// parent-death signal: elsewhere a client that is at work when contend is
// killed goes on until it has done what it was asked for.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
