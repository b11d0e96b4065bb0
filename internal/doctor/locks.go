package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/contend/internal/dbfile"
)

// parseLock reads a line of /proc/locks (proc_locks(5)) or of /proc/PID/fdinfo/FD, without its end:
//
//	1: POSIX  ADVISORY  WRITE 4711 08:01:1234 1073741825 1073741825
//
// It returns the file as the line has it, "08:01:1234". A line about a process that waits ("->") is no lock.
func parseLock(line string) (l Lock, file string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 8 || fields[1] == "->" {
		return Lock{}, "", false
	}
	l = Lock{Kind: fields[1], Write: fields[3] == "WRITE", Last: -1}
	var err, errFirst, errLast error
	l.PID, err = strconv.Atoi(fields[4])
	l.First, errFirst = strconv.ParseInt(fields[6], 10, 64)
	if fields[7] != "EOF" {
		l.Last, errLast = strconv.ParseInt(fields[7], 10, 64)
	}
	return l, fields[5], err == nil && errFirst == nil && errLast == nil
}

// A probe is a range whose lock doctor asks for.
type probe struct {
	role          string
	first, length int64
}

// probes are the ranges that SQLite locks (https://sqlite.org/lockingv3.html, https://sqlite.org/walformat.html#wal_locks).
var probes = []probe{
	{Database, dbfile.PendingByte, 1}, {Database, dbfile.ReservedByte, 1}, {Database, dbfile.SharedFirst, dbfile.SharedSize},
	{SHMFile, dbfile.WriteByte, 3}, {SHMFile, dbfile.ReadByte, dbfile.ReadMarks}, {SHMFile, dbfile.AttachedByte, 1},
}

// sqliteLocks are SQLite's words for its locks, the weakest first. In the -shm file each byte is a lock; those of the
// readers have numbers.
var sqliteLocks = []struct {
	role       string
	byte       int64
	write      bool
	name       string
	transition bool // a process only passes through it as a rule
}{
	{Database, dbfile.SharedFirst, false, "SHARED", false},
	{Database, dbfile.ReservedByte, true, "RESERVED", true},
	{Database, dbfile.PendingByte, true, "PENDING", true},
	{Database, dbfile.SharedFirst, true, "EXCLUSIVE", true},
	{SHMFile, dbfile.WriteByte, true, "WAL_WRITE", true},
	{SHMFile, dbfile.CheckpointByte, true, "WAL_CKPT", true},
	{SHMFile, dbfile.RecoverByte, true, "WAL_RECOVER", true},
	{SHMFile, dbfile.ReadByte, false, "WAL_READ0", false},
	{SHMFile, dbfile.ReadByte + 1, false, "WAL_READ1", false},
	{SHMFile, dbfile.ReadByte + 2, false, "WAL_READ2", false},
	{SHMFile, dbfile.ReadByte + 3, false, "WAL_READ3", false},
	{SHMFile, dbfile.ReadByte + 4, false, "WAL_READ4", false},
	{SHMFile, dbfile.AttachedByte, false, "DMS", false},
}

// names are SQLite's words for what l locks in a file of that role.
func (l Lock) names(role string) (all []string) {
	if l.Kind == "FLOCK" {
		return []string{"flock"}
	}
	for _, n := range sqliteLocks {
		if n.role == role && n.write == l.Write && l.covers(n.byte) {
			all = append(all, n.name)
		}
	}
	return all
}

// reads reports whether l is that of a reader of the WAL, of a mark alone.
func (l Lock) reads() bool { return l.Role == SHMFile && !l.Write && l.mark() >= 0 }

// mark returns the read mark that l keeps, -1 where it keeps none.
func (l Lock) mark() int {
	for i := range dbfile.ReadMarks {
		if l.Role == SHMFile && l.covers(int64(dbfile.ReadByte+i)) {
			return i
		}
	}
	return -1
}

// locks are all locks that the process holds on files in use, each with its role. Whoever has a file open
// twice is shown its locks at both descriptors.
func (h *Holder) locks() (all []Lock) {
	for _, o := range h.Files {
		for _, l := range o.Locks {
			l.Role = o.Role
			if !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

// lockNames names the locks that the process holds, in SQLite's words.
func (h *Holder) lockNames() []string {
	all := []string{}
	for _, n := range sqliteLocks {
		for _, l := range h.locks() {
			if slices.Contains(l.names(l.Role), n.name) && !slices.Contains(all, n.name) {
				all = append(all, n.name)
			}
		}
	}
	for _, l := range h.locks() {
		if l.Kind == "FLOCK" && !slices.Contains(all, "flock") {
			all = append(all, "flock")
		}
	}
	return all
}

// holds reports whether the process holds a lock on a byte of a file in that role.
func (h *Holder) holds(role string, at int64) bool {
	return slices.ContainsFunc(h.locks(), func(l Lock) bool { return l.Role == role && l.covers(at) })
}

// fewFrames is how many frames a checkpoint may be behind before that is worth a word: SQLite begins one
// when the WAL has 1000 (https://sqlite.org/wal.html#automatic_checkpoint).
const fewFrames = 4000

// passing are the locks of the process that it should soon give back: those to write or to checkpoint, and
// a read mark that keeps a checkpoint from many frames.
func (h *Holder) passing(f *Facts) (all []Lock) {
	for _, l := range h.locks() {
		for _, n := range sqliteLocks {
			if n.transition && slices.Contains(l.names(l.Role), n.name) {
				all = append(all, l)
				break
			}
		}
		if x := f.Index; x != nil && l.reads() && x.Behind() > fewFrames && x.Marks[l.mark()] < x.Last {
			all = append(all, l)
		}
	}
	return all
}

// lacks reports whether the process has the database open in WAL mode, as its -shm says, or a journal that it
// writes, and none of the locks on the database that these call for.
//
// A connection in WAL mode keeps SHARED from its first transaction to its end (src/wal.c), and whoever has the -shm
// open keeps DMS there (src/os_unix.c). A journal is written under RESERVED.
func (h *Holder) lacks(f *Facts) bool {
	db := h.In(Database)
	if len(db) == 0 || !slices.Contains(keepsLocks, f.Mount.Type) {
		return false
	}
	if f.WAL && len(h.In(SHMFile)) > 0 {
		return !h.holds(Database, dbfile.SharedFirst) || !h.holds(SHMFile, dbfile.AttachedByte)
	}
	return slices.ContainsFunc(h.In(Journal), func(o Open) bool { return o.Writable && o.Size > 0 && o.Links > 0 }) &&
		!h.holds(Database, dbfile.ReservedByte) && !h.holds(Database, dbfile.SharedFirst)
}

// keepsLocks are file systems whose locks the kernel keeps itself, and shows.
var keepsLocks = []string{"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "tmpfs", "ramfs", "overlay", "vfat", "exfat", "ntfs3"}

// String is the process for a sentence: "process 4711 (python3 in container web-1)".
func (h *Holder) String() string {
	in := ""
	if h.Container != "" {
		in = " in container " + h.Container
	}
	return fmt.Sprintf("process %d (%s%s)", h.PID, h.Program, in)
}
