package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/display"
	"example.com/contend/internal/lockstate"
	"example.com/contend/internal/locktap"
)

// maxProbes bounds the files that are probed: containers of one image share a file, others may each have their own.
const maxProbes = 100

// probe looks for SQLite in a process's program and in its libraries named sqlite, and probes what it finds. It reports
// whether the process's statements can be seen.
func (s *Session) probe(pid int) (sees bool) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	program, _ := os.Readlink(dir + "exe")
	text, _ := os.ReadFile(dir + "maps")
	if len(text) == 0 {
		return true // it has ended: nobody can tell
	}
	for line := range strings.Lines(string(text)) {
		// address perms offset dev inode pathname (proc_pid_maps(5))
		f := strings.Fields(line)
		if len(f) < 6 || !strings.Contains(f[1], "x") || f[4] == "0" {
			continue
		}
		name := strings.Join(f[5:], " ")
		if name != program && !strings.Contains(strings.ToLower(filepath.Base(name)), "sqlite") {
			continue
		}
		file := f[3] + " " + f[4]
		has, known := s.probed[file]
		if !known && len(s.probed) < maxProbes {
			has = s.probeFile(dir+"map_files/"+f[0]) == nil
			s.probed[file] = has
		}
		sees = sees || has
	}
	return sees
}

// probeFile probes the file at a path below /proc, which has no blank and is the same in every mount namespace.
func (s *Session) probeFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var is unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &is); err != nil {
		return err
	}
	id := [2]uint64{uint64(is.Dev), is.Ino}
	if s.inodes[id] {
		return nil
	}
	p, err := locktap.FindProbe(f)
	if err == nil {
		err = s.tap.Probe(p, path)
	}
	s.inodes[id] = err == nil
	return err
}

// libraries are where systems have SQLite's library. It is probed before anybody uses it, for programs that soon end.
var libraries = []string{"/usr/lib/*/libsqlite3.so.0", "/usr/lib*/libsqlite3.so.0", "/usr/local/lib/libsqlite3.so.0"}

func (s *Session) probeLibraries() {
	for _, pattern := range libraries {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if !strings.ContainsAny(path, " :") {
				_ = s.probeFile(path) // one for another machine, say: who uses it is told of
			}
		}
	}
}

// thread remembers whose a thread is.
func (s *Session) thread(tid, pid int) {
	if len(s.tids) >= maxProcesses {
		clear(s.tids)
	}
	s.tids[tid] = pid
}

// processOf returns the process of a thread; the thread itself where it has ended.
func (s *Session) processOf(tid int) int {
	if pid, known := s.tids[tid]; known {
		return pid
	}
	s.thread(tid, tid)
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	for line := range strings.Lines(string(status)) {
		var pid int
		if _, err := fmt.Sscanf(line, "Tgid: %d", &pid); err == nil {
			s.thread(tid, pid)
			break
		}
	}
	return s.tids[tid]
}

// tag returns the transaction in which a thread is, for the tracker.
func (s *Session) tag(tid int) any {
	tx, sql := s.steps.Of(tid)
	if tx == nil {
		return nil
	}
	return tag{tx, sql}
}

// text returns a statement as it is to be shown.
func (s *Session) text(sql string) string {
	if s.o.SQL == SQLFingerprint {
		sql = lockstate.Fingerprint(sql)
	}
	sql = strings.TrimRight(strings.Join(strings.Fields(sql), " "), "; ")
	return display.Cut(sql, maxCommand)
}
