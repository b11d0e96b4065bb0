package child

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every
// architecture that Go runs on.
const tick = time.Second / 100

// CPU returns the processor time that process pid and everything it has started
// have had so far, in user and kernel mode, to 10 ms (proc_pid_stat(5)). What a
// child had that nobody has waited for is missing.
func CPU(pid int) (time.Duration, error) {
	own, err := times(pid)
	if err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	for _, child := range descendants(pid) {
		if t, err := times(child); err == nil { // else it has ended, and its parent has its time
			own += t
		}
	}
	return own, nil
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
