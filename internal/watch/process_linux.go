package watch

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/display"
	"example.com/contend/internal/proc"
)

// maxCommand bounds a command line, in bytes.
const maxCommand = 200

// lookUp returns the process with that number; without a command where it has ended.
func lookUp(pid int, container func(id string) string) Process {
	p := Process{PID: pid}
	if program, rest, _ := strings.Cut(proc.Command(pid), " "); program != "" {
		p.Command = display.Cut(strings.TrimSpace(filepath.Base(program)+" "+rest), maxCommand)
	}
	if id := proc.Container(pid); id != "" && container != nil {
		p.Container = container(id)
	}
	return p
}

// startOf returns when a process started, as the kernel counts it; "" where it has ended.
func startOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, starttime = 0, 19 // fields 3 and 22 of proc_pid_stat(5), which counts from 1
	if len(fields) <= starttime || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	return fields[starttime]
}

// hasIndex reports whether a file that a process locks, of that inode, is a wal-index of that name, whatever its directory
// is called in the process's mount namespace. The error says that nobody can tell, because the process has closed it
// since, or ended.
func hasIndex(pid int, inode uint64, name string) (bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	err = os.ErrClosed
	for _, e := range entries {
		link, _ := os.Readlink(dir + e.Name())
		if filepath.Base(strings.TrimSuffix(link, " (deleted)")) == name {
			return true, nil
		}
		var is unix.Stat_t
		if unix.Stat(dir+e.Name(), &is) == nil && is.Ino == inode {
			err = nil // another file
		}
	}
	return false, err
}
