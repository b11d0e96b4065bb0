package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A Segment is the System V shared memory of a PostgreSQL server: 56 bytes, which keep
// two servers from one cluster
// (https://www.postgresql.org/docs/current/kernel-resources.html#SYSVIPC). A server
// that is stopped removes it, and one that is killed does not.
type Segment struct {
	ID, Key int
	maker   int    // PID of the server
	user    uint32 // that owns its files
}

// LeftSegments returns the segments, still there, of the server whose directory dir is, and
// of those whose directories are in dir. A segment's number is used again, so it counts only
// where the kernel has the same key, maker and owner for it.
func LeftSegments(dir string) (left []Segment) {
	dirs := []string{dir}
	entries, _ := os.ReadDir(dir) // none where there is no directory
	for _, entry := range entries {
		dirs = append(dirs, filepath.Join(dir, entry.Name()))
	}
	for _, dir := range dirs {
		if s, err := readSegment(filepath.Join(dir, inner, data, "postmaster.pid")); err == nil && s.there() {
			left = append(left, s)
		}
	}
	return left
}

// readSegment reads a server's postmaster.pid.
func readSegment(path string) (s Segment, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return s, err
	}
	s, err = parseLock(string(text))
	s.user = info.Sys().(*syscall.Stat_t).Uid
	return s, err
}

// parseLock finds the segment in the text of a postmaster.pid: the first line is the PID,
// negative while initdb runs the server, the seventh the segment's key and number
// (https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h).
func parseLock(text string) (s Segment, err error) {
	lines := strings.Split(text, "\n")
	const line = 7
	if len(lines) < line {
		return s, fmt.Errorf("postmaster.pid has %d lines: the server had no segment yet", len(lines))
	}
	if s.maker, err = strconv.Atoi(strings.TrimSpace(lines[0])); err == nil {
		s.maker = max(s.maker, -s.maker)
		_, err = fmt.Sscan(lines[line-1], &s.Key, &s.ID)
	}
	if err != nil {
		return Segment{}, fmt.Errorf("postmaster.pid: %w", err)
	}
	return s, nil
}
