package server

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// removeSegment removes the System V shared memory that a server which was
// killed has left: 56 bytes, which keep two servers from one cluster
// (https://www.postgresql.org/docs/current/kernel-resources.html#SYSVIPC). A
// server that was stopped has removed it, and its postmaster.pid, where the
// seventh line is the segment's key and id.
func removeSegment(data string) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return
	}
	const line = 7
	lines := strings.Split(string(text), "\n")
	if len(lines) < line {
		return
	}
	fields := strings.Fields(lines[line-1])
	if len(fields) != 2 {
		return
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return
	}
	for range 50 { // processes that were killed let go of it a moment later
		var about unix.SysvShmDesc
		if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &about); err != nil {
			return
		}
		if about.Nattch == 0 {
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // what stays does no harm
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
