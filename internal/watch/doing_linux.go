package watch

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// How a system call names what it waits for.
const (
	byNothing = iota
	byFD      // its first argument is a descriptor
	byPoll    // its first argument points to descriptors, as that of poll(2)
	bySelect  // its first argument is a number of descriptors, as that of select(2)
)

type call struct {
	doing Doing
	by    int
}

// calls are the system calls in which programs wait. Those that only some architectures have are in oldCalls.
var calls = map[int64]call{
	unix.SYS_NANOSLEEP:       {Doing{Asleep, "asleep"}, byNothing},
	unix.SYS_CLOCK_NANOSLEEP: {Doing{Asleep, "asleep"}, byNothing},
	unix.SYS_READ:            {Doing{OnThread, "reading"}, byFD},
	unix.SYS_READV:           {Doing{OnThread, "reading"}, byFD},
	unix.SYS_RECVFROM:        {Doing{OnSocket, "waiting for a socket"}, byFD},
	unix.SYS_RECVMSG:         {Doing{OnSocket, "waiting for a socket"}, byFD},
	unix.SYS_CONNECT:         {Doing{OnSocket, "connecting a socket"}, byFD},
	unix.SYS_WRITE:           {Doing{OnThread, "writing"}, byFD},
	unix.SYS_SENDTO:          {Doing{OnSocket, "waiting for a socket"}, byFD},
	unix.SYS_PPOLL:           {Doing{OnThread, "waiting in poll"}, byPoll},
	unix.SYS_PSELECT6:        {Doing{OnThread, "waiting in select"}, bySelect},
	unix.SYS_EPOLL_PWAIT:     {Doing{OnThread, "waiting for an event (epoll)"}, byNothing},
	unix.SYS_FUTEX:           {Doing{OnThread, "waiting for another thread (futex)"}, byNothing},
	unix.SYS_WAIT4:           {Doing{OnChild, "waiting for a child process"}, byNothing},
	unix.SYS_WAITID:          {Doing{OnChild, "waiting for a child process"}, byNothing},
	unix.SYS_FSYNC:           {Doing{OnDisk, "waiting for the disk (fsync)"}, byNothing},
	unix.SYS_FDATASYNC:       {Doing{OnDisk, "waiting for the disk (fdatasync)"}, byNothing},
	unix.SYS_PREAD64:         {Doing{OnDisk, "reading a file"}, byNothing},
	unix.SYS_PWRITE64:        {Doing{OnDisk, "writing a file"}, byNothing},
}

// look returns what a process is doing now. tid is the thread that took the lock: it is asked first, but where another thread
// of the process works, that one may be working for it (as in Go, whose goroutines change threads).
func look(pid, tid int, peers map[string]string) Doing {
	dir := fmt.Sprintf("/proc/%d/task/", pid)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return Doing{Unknown, "ended"}
	}
	main := strconv.Itoa(tid)
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == main }) {
		main = strconv.Itoa(pid)
	}
	does := lookThread(pid, dir+main, peers)
	if !does.Kind.idle() {
		return does
	}
	for _, e := range entries {
		if other := lookThread(pid, dir+e.Name(), peers); e.Name() != main && (other.Kind == OnCPU || other.Kind == OnDisk) {
			return Doing{other.Kind, other.What + " in another thread"}
		}
	}
	return does
}

func lookThread(pid int, dir string, peers map[string]string) Doing {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Doing{Unknown, "ended"}
	}
	state := stat[min(bytes.LastIndexByte(stat, ')')+2, len(stat)-1)] // proc_pid_stat(5)
	switch state {
	case 'R':
		return Doing{OnCPU, "working on a processor"}
	case 'T', 't':
		return Doing{Stopped, "stopped"}
	case 'Z', 'X':
		return Doing{Unknown, "ended"}
	}
	does := Doing{OnThread, "waiting in a system call"}
	if state == 'D' {
		does = Doing{OnDisk, "waiting for the disk"}
	}
	text, _ := os.ReadFile(dir + "/syscall") // number and arguments, or "running"; root's, or that of the process's user
	fields := strings.Fields(string(text))
	if len(fields) < 3 {
		return does
	}
	number, err := strconv.ParseInt(fields[0], 10, 64)
	c, known := calls[number]
	if old, is := oldCalls[number]; is {
		c, known = old, true
	}
	first, errFirst := strconv.ParseUint(fields[1], 0, 64)
	second, errSecond := strconv.ParseUint(fields[2], 0, 64)
	if err != nil || errFirst != nil || errSecond != nil || !known || state == 'D' && c.doing.Kind != OnDisk {
		return does
	}
	switch c.by {
	case byFD:
		return descriptor(pid, int(int32(first)), c.doing, peers)
	case bySelect:
		if first == 0 {
			return Doing{Asleep, "asleep (select)"}
		}
	case byPoll:
		var polled [8]byte // the first struct pollfd: int fd, short events, short revents
		local := []unix.Iovec{{Base: &polled[0]}}
		local[0].SetLen(len(polled))
		remote := []unix.RemoteIovec{{Base: uintptr(first), Len: len(polled)}}
		if second == 0 {
			return Doing{Asleep, "asleep (poll)"}
		}
		if n, err := unix.ProcessVMReadv(pid, local, remote, 0); err == nil && n == len(polled) {
			return descriptor(pid, int(int32(binary.NativeEndian.Uint32(polled[:]))), c.doing, peers)
		}
	}
	return c.doing
}

// descriptor says what it is that a process waits for.
func descriptor(pid, fd int, otherwise Doing, peers map[string]string) Doing {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	if err != nil {
		return otherwise
	}
	switch {
	case strings.HasPrefix(name, "socket:["):
		if _, known := peers[name]; !known {
			peers[name] = socket(pid, strings.TrimSuffix(name[len("socket:["):], "]"))
		}
		return Doing{OnSocket, "waiting for " + peers[name]}
	case strings.HasPrefix(name, "pipe:["):
		return Doing{OnPipe, "waiting for a pipe"}
	case strings.HasPrefix(name, "/dev/pts/"), strings.HasPrefix(name, "/dev/tty"), name == "/dev/console":
		return Doing{OnTerminal, "waiting for its terminal"}
	case strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "/dev/"):
		return Doing{OnDisk, "reading or writing a file"}
	}
	return otherwise
}

// socket describes the socket with that inode, of the process's network namespace: by its peer's address, or the path of a local one.
func socket(pid int, inode string) string {
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		for line := range strings.Lines(string(text)) {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode (proc_pid_net(5))
			if f := strings.Fields(line); len(f) > 9 && f[9] == inode {
				return fmt.Sprintf("the %s socket to %s", strings.TrimSuffix(table, "6"), address(f[2]))
			}
		}
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", pid))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 6 && f[6] == inode {
			if len(f) > 7 {
				return "the local socket " + f[7]
			}
			return "a local socket"
		}
	}
	return "a socket"
}

// address reads an address of /proc/net/tcp: words of 32 bits in the machine's order, a colon, and the port.
func address(text string) string {
	digits, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(digits)
	n, errPort := strconv.ParseUint(port, 16, 16)
	if err != nil || errPort != nil || len(raw)%4 != 0 {
		return text
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return text
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)).String()
}
