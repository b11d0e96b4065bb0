package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bind gives a child a process group of its own and has the kernel kill it
// when we die, however we die.
func bind(a *syscall.SysProcAttr) {
	a.Setpgid = true
	if a.Pdeathsig == 0 {
		a.Pdeathsig = syscall.SIGKILL
	}
}

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every
// architecture that Go runs on.
const tick = time.Second / 100

// cpu sums the processor time of pid and its descendants.
func cpu(pid int, descendants []int) (time.Duration, error) {
	sum, err := times(pid)
	if err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	for _, child := range descendants {
		if t, err := times(child); err == nil { // else it has ended, and its parent has its time
			sum += t
		}
	}
	return sum, nil
}

// times reads utime, stime, cutime and cstime.
func times(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in brackets, with anything in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const utime, count = 11, 4 // fields 14 to 17 of the page, which counts from 1
	if len(fields) < utime+count {
		return 0, errors.New("a line of /proc/PID/stat is too short")
	}
	var ticks int64
	for _, field := range fields[utime : utime+count] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// descendants returns every process that pid has started, or that one of them
// has, and that has not ended.
func descendants(pid int) []int {
	var all []int
	lists, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "children"))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a thread that has ended has no children
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(append(all, child), descendants(child)...)
			}
		}
	}
	return all
}
