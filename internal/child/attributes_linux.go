package child

import "syscall"

// bind gives a child a process group of its own and has the kernel kill it
// when we die, however we die. What else was asked for stays.
func bind(a *syscall.SysProcAttr) {
	a.Setpgid = true
	if a.Pdeathsig == 0 {
		a.Pdeathsig = syscall.SIGKILL
	}
}
