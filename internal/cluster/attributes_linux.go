package cluster

import "syscall"

// attributes gives a child a process group of its own and has the kernel kill
// it when we die, however we die.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
