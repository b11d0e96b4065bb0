package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/display"
	"example.com/contend/internal/proc"
	"example.com/contend/internal/units"
)

// descriptor reads /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)): the mount's id, whether it may be written to, and the
// locks that the process holds on the file.
func descriptor(process string, fd int) (mount int, writable bool, locks []Lock) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%s/fdinfo/%d", process, fd))
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "mnt_id":
			mount, _ = strconv.Atoi(value)
		case "flags":
			flags, _ := strconv.ParseInt(value, 8, 64)
			writable = flags&unix.O_ACCMODE != unix.O_RDONLY
		case "lock":
			if l, _, ok := parseLock(value); ok {
				locks = append(locks, l)
			}
		}
	}
	return mount, writable, locks
}

// processes finds who has one of the files open.
func (v *viewer) processes(ctx context.Context) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if h := v.process(pid); h != nil {
			v.facts.Holders = append(v.facts.Holders, *h)
		}
	}
	slices.SortFunc(v.facts.Holders, func(a, b Holder) int { return a.PID - b.PID })
	if v.hidden > 0 {
		v.facts.Unseen = append(v.facts.Unseen, fmt.Sprintf("The open files of %s: only root sees them all.", units.PluralOf(v.hidden, "process of another user", "processes of other users")))
	}
	if !proc.SeesAll() {
		v.facts.Unseen = append(v.facts.Unseen, "Processes outside this container's PID namespace: run doctor on the host.")
	}
	return nil
}

const deleted = " (deleted)"

// process returns pid as a holder; nil where it has none of the files open.
func (v *viewer) process(pid int) *Holder {
	dir := fmt.Sprintf("/proc/%d", pid)
	entries, err := os.ReadDir(dir + "/fd")
	if err != nil {
		// A thread of the kernel has no command line, and no descriptors.
		if command, _ := os.ReadFile(dir + "/cmdline"); errors.Is(err, fs.ErrPermission) && len(command) > 0 {
			v.hidden++
		}
		return nil
	}
	h := Holder{PID: pid}
	var others []Open // which may be companions of another generation
	var names []string
	for _, e := range entries {
		name, err := os.Readlink(dir + "/fd/" + e.Name())
		if err != nil || !strings.HasPrefix(name, "/") {
			continue
		}
		file, err := statFile(dir + "/fd/" + e.Name())
		if err != nil {
			continue
		}
		o := Open{File: file, Name: strings.TrimSuffix(name, deleted)}
		o.FD, _ = strconv.Atoi(e.Name())
		at := slices.IndexFunc(v.facts.Files, func(f File) bool { return f.ID == file.ID })
		if at < 0 {
			others = append(others, o)
			continue
		}
		o.Role = v.facts.Files[at].Role
		if o.Role == Database {
			names = append(names, o.Name)
		}
		h.Files = append(h.Files, o)
	}
	for _, o := range others {
		if o.Role = v.generation(pid, names, o.Name); o.Role != "" {
			h.Files = append(h.Files, o)
		}
	}
	if len(h.Files) == 0 {
		return nil
	}
	v.describe(&h)
	return &h
}

// generation returns the role of an open file that is none of the files at the database's path: "" where it is
// nothing that belongs to the database. names are those that the process has for the database.
func (v *viewer) generation(pid int, names []string, name string) string {
	for _, role := range companions {
		base, is := strings.CutSuffix(name, role)
		if is && (slices.Contains(names, base) || base == v.facts.Path && v.shares(pid)) {
			return role
		}
	}
	if name == v.facts.Path && v.shares(pid) {
		return Database
	}
	return ""
}

// settle takes back what only seemed to be another generation of a companion: one that was made since the files were opened, or
// that a process was just closing. SQLite closes a file before it deletes it.
func (v *viewer) settle() {
	f := v.facts
	doubtful := func(h *Holder, o Open) bool {
		if o.Role == Database || slices.ContainsFunc(f.Files, func(file File) bool { return file.ID == o.ID }) {
			return false
		}
		now, err := statFile(fmt.Sprintf("/proc/%d/fd/%d", h.PID, o.FD))
		if err != nil || now.ID != o.ID {
			return true // closed
		}
		return now.Links > 0 && o.Name == f.Path+o.Role && v.shares(h.PID)
	}
	old := slices.ContainsFunc(f.Holders, func(h Holder) bool {
		return slices.ContainsFunc(h.Files, func(o Open) bool {
			return o.Role != Database && !slices.ContainsFunc(f.Files, func(file File) bool { return file.ID == o.ID })
		})
	})
	if old {
		time.Sleep(lookEvery)
	}
	for i := range f.Holders {
		h := &f.Holders[i]
		h.Files = slices.DeleteFunc(h.Files, func(o Open) bool { return doubtful(h, o) })
	}
	f.Holders = slices.DeleteFunc(f.Holders, func(h Holder) bool { return len(h.Files) == 0 })
}

// shares reports whether a path means the same to the process as to the target.
func (v *viewer) shares(pid int) bool {
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	ours, errOurs := os.Readlink(fmt.Sprintf("/proc/%s/ns/mnt", v.self()))
	return err == nil && errOurs == nil && theirs == ours
}

// mostCommand bounds a command line, in bytes.
const mostCommand = 200

// describe fills in what else is known of a holder.
func (v *viewer) describe(h *Holder) {
	process := strconv.Itoa(h.PID)
	dir := "/proc/" + process
	comm, _ := os.ReadFile(dir + "/comm")
	h.Program = strings.TrimSpace(string(comm))
	h.Command = display.Cut(proc.Command(h.PID), mostCommand)
	status, _ := os.ReadFile(dir + "/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case name == "PPid" && len(fields) > 0:
			h.Parent, _ = strconv.Atoi(fields[0])
		case name == "Uid" && len(fields) > 1: // the second is the effective one
			h.UID = number(fields[1])
		case name == "Gid" && len(fields) > 1:
			h.GIDs = append(h.GIDs, number(fields[1]))
		case name == "Groups":
			for _, field := range fields {
				h.GIDs = append(h.GIDs, number(field))
			}
		}
	}
	if u, err := user.LookupId(strconv.Itoa(int(h.UID))); err == nil {
		h.User = u.Username
	}
	h.Container = proc.Container(h.PID)
	namespace, _ := os.Readlink(dir + "/ns/mnt")
	table, known := v.mounts[namespace]
	if !known {
		table, _ = mounts(process)
		v.mounts[namespace] = table
	}
	for i := range h.Files {
		o := &h.Files[i]
		o.MountID, o.Writable, o.Locks = descriptor(process, o.FD)
		if at := slices.IndexFunc(table, func(m Mount) bool { return m.ID == o.MountID }); at >= 0 {
			o.Mount = table[at]
		}
	}
	h.Locks = h.lockNames()
}

func number(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}
