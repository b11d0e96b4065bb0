//go:build unix && !linux

package proc

import (
	"errors"
	"syscall"
	"time"
)

// bind gives a child a process group of its own. Only Linux has a parent-death
// signal: elsewhere a kill -9 of contend leaves its children behind.
func bind(a *syscall.SysProcAttr) { a.Setpgid = true }

func processes() (table, error) {
	return nil, errors.New("known on Linux only")
}

func clock(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

// MachineUsage is known on Linux only.
func MachineUsage() (Usage, error) {
	return Usage{}, errors.New("processor time of the machine: known on Linux only")
}

// Users is known on Linux only.
func Users(string) map[int]string { return map[int]string{} }
