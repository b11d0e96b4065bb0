//go:build unix && !linux

package cluster

import "syscall"

// attributes gives a child a process group of its own. Only Linux has a
// parent-death signal: elsewhere a kill -9 of contend leaves its nodes behind.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
