package docker

import "syscall"

// attributes gives a client a process group of its own and has the kernel kill
// it when we die, however we die: it is not to go on starting containers.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
