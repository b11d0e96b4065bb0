package owner

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// started returns when a process started, "" where that cannot be seen, and whether
// it is there. One that has ended and was not waited for is not.
func started(pid int) (start string, there bool) {
	if !exists(pid) {
		return "", false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", true
	}
	// The second field is the program's name in brackets, with anything in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, starttime = 0, 19 // fields 3 and 22 of proc_pid_stat(5), which counts from 1
	switch {
	case len(fields) <= starttime:
		return "", true
	case fields[state] == "Z" || fields[state] == "X":
		return "", false
	}
	return fields[starttime], true
}

// first is the PID namespace that the machine starts with (include/linux/proc_ns.h).
const first = "4026531836"

// here returns this process's PID namespace, the machine's id and that of its start, as the
// file system with /proc and /etc in root has them. Containers of one image may have one id: in a
// namespace of its own, and where there is no id, a machine is another one with each start.
// Where a start has no id, each process is on a machine of its own: nothing is known of it.
func here(root string) (space, boot, machine string) {
	link, errSpace := os.Readlink(filepath.Join(root, "proc/self/ns/pid"))
	text, errBoot := os.ReadFile(filepath.Join(root, "proc/sys/kernel/random/boot_id"))
	id, _ := os.ReadFile(filepath.Join(root, "etc/machine-id"))
	space = strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
	boot, machine = strings.TrimSpace(string(text)), strings.TrimSpace(string(id))
	switch {
	case errSpace != nil || errBoot != nil || boot == "":
		return "0", "0", rand.Text()
	case machine == "" || space != first:
		machine += "\n" + boot
	}
	return space, boot, machine
}
