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

	"golang.org/x/sys/unix"
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

// processes reads /proc/PID/stat (proc_pid_stat(5)) of every process, and nothing else of them:
// never /proc/PID/task/TID/children, which lists the children of one. What is looked up there
// stays in the kernel's cache of names, an entry for each thread. Where several processes with
// many threads end at once, whoever waits for them has to walk those entries, against each
// other (shrink_dcache_parent): on 2 busy cores that took 25 times the system time of all
// else that contend did (Linux 6.18).
func processes() (table, error) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := table{}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", dir.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		if all[pid], err = parseStat(stat); err != nil {
			return nil, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	return all, nil
}

// parseStat reads a process's name, parent, utime, stime, cutime and cstime.
func parseStat(stat []byte) (p process, err error) {
	// The second field is the program's name in brackets, with anything in it.
	left, right := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if left < 0 || right < left {
		return p, errors.New("the line names no program")
	}
	p.name = string(stat[left+1 : right])
	fields := strings.Fields(string(stat[right+1:]))
	const ppid, utime, cutime, count = 1, 11, 13, 4 // fields 4 and 14 to 17 of the page, which counts from 1
	if len(fields) < utime+count {
		return p, errors.New("the line is too short")
	}
	if p.parent, err = strconv.Atoi(fields[ppid]); err != nil {
		return p, err
	}
	for i, field := range fields[utime : utime+count] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, err
		}
		if utime+i < cutime {
			p.used += time.Duration(n) * tick
		} else {
			p.waited += time.Duration(n) * tick
		}
	}
	return p, nil
}

// clock reads the processor time of all threads of a process (clock_getcpuclockid(3), which
// makes the clock's number like this).
func clock(pid int) (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	err := unix.ClockGettime(^int32(pid)<<3|sched, &t)
	return time.Duration(t.Nano()), err
}

// MachineUsage reads /proc/stat, and the times of this process and of what it has started. The
// kernel's threads and interrupts write our files; what they do for others counts as ours too.
func MachineUsage() (u Usage, err error) {
	all, err := processes()
	if err == nil {
		u, err = processors()
	}
	if err != nil {
		return Usage{}, fmt.Errorf("processor time of the machine: %w", err)
	}
	// Read once more, last: of a child that has just been waited for, the time must be in here.
	if stat, err := os.ReadFile("/proc/self/stat"); err == nil {
		if self, err := parseStat(stat); err == nil {
			all[os.Getpid()] = self
		}
	}
	u.Ours += all.used(os.Getpid())
	u.kernel = map[int]time.Duration{}
	for pid, p := range all {
		if p.name == "kthreadd" {
			for _, thread := range all.family(pid) {
				u.kernel[thread] = all[thread].used
			}
		}
	}
	return u, nil
}

// processors reads the first line of /proc/stat (proc_stat(5)): the times of all processors.
func processors() (u Usage, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return u, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	// cpu user nice system idle iowait irq softirq steal; guests are in user and nice.
	const idle, iowait, irq, softirq, steal = 4, 5, 6, 7, 8
	if len(fields) <= steal || fields[0] != "cpu" {
		return u, errors.New("the first line of /proc/stat has no steal time")
	}
	for i, field := range fields[1 : steal+1] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u, err
		}
		used := time.Duration(n) * tick
		switch i + 1 {
		case idle, iowait:
			u.Idle += used
			continue
		case irq, softirq:
			u.Ours += used
		}
		u.Busy += used
	}
	return u, nil
}

// Users returns who has the file at path open, this process left out: the programs' names, of at most
// 15 bytes, by process. Whose descriptors this user may not see, as those of another container, is
// missing.
func Users(path string) map[int]string {
	users := map[int]string{}
	file, err := os.Stat(path)
	if err != nil {
		return users
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*/fd")
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err != nil || pid == os.Getpid() {
			continue
		}
		descriptors, _ := os.ReadDir(dir) // it may have ended, or be another user's
		for _, d := range descriptors {
			open, err := os.Stat(filepath.Join(dir, d.Name()))
			if err != nil || !os.SameFile(open, file) {
				continue
			}
			if name, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "comm")); err == nil {
				users[pid] = strings.TrimSpace(string(name))
			}
			break
		}
	}
	return users
}
