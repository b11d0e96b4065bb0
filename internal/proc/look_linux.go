package proc

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"

	"example.com/contend/internal/display"
)

// Command returns the command line of a process in one line, without the passwords of the URLs in it. It is the
// program's name where the process has none any more, as a zombie, and "" where it has ended.
func Command(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if len(text) == 0 {
		text, _ = os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	}
	words := strings.Fields(string(bytes.ReplaceAll(text, []byte{0}, []byte{' '})))
	return display.Redact(strings.Join(words, " "))
}

// containerID is the id of a container in the names of a process's control groups, as Docker, containerd, CRI-O and
// Podman write them.
var containerID = regexp.MustCompile(`[0-9a-f]{64}`)

// Container returns the id of the container that a process runs in, 64 hexadecimal digits; "" where it runs in none.
func Container(pid int) string {
	groups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return string(containerID.Find(groups))
}

// SeesAll reports whether this process is in the PID namespace that the machine started with, so that /proc lists every
// process (include/linux/proc_ns.h, PROC_PID_INIT_INO). It is true where nobody can tell.
func SeesAll() bool {
	own, err := os.Readlink("/proc/self/ns/pid")
	return err != nil || own == "pid:[4026531836]"
}
