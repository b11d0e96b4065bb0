package doctor

import (
	"path"
	"slices"
	"strings"
	"time"

	"example.com/contend/internal/dbfile"
)

// Facts are what was seen of a database and of those that have it open. What could not be seen
// is in Unseen.
type Facts struct {
	Path      string    `json:"path"`                // absolute, without symbolic links, in the database's mount namespace
	Container string    `json:"container,omitempty"` // whose mount namespace that is; empty: doctor's own
	Read      time.Time `json:"read"`                // when it was examined
	WAL       bool      `json:"wal"`                 // the header says that the journal is a WAL

	Files   []File   `json:"files"` // the database first, then those of its companions that are there
	Mount   Mount    `json:"mount"` // what the database lies on
	Space   Space    `json:"space"`
	Dir     Access   `json:"directory"`
	Beside  []string `json:"beside,omitempty"`        // lock files of other kinds beside it: app.db.lock
	Holders []Holder `json:"processes"`               // who has it open, by process id
	Foreign []Lock   `json:"foreign_locks,omitempty"` // locks of processes whose descriptors could not be seen
	Unseen  []string `json:"not_seen,omitempty"`      // what could not be seen, a sentence each

	Header *dbfile.Header `json:"-"`                   // nil where the file has none
	Index  *dbfile.Index  `json:"-"`                   // nil where there is none
	Log    *Log           `json:"wal_index,omitempty"` // what of it is for people
	Stays  Stays          `json:"-"`
}

// The roles that a file has for SQLite (https://sqlite.org/tempfiles.html).
const (
	Database = "database"
	WALFile  = "-wal"
	SHMFile  = "-shm"
	Journal  = "-journal"
)

// companions are the roles beside the database: what SQLite adds to its name.
var companions = []string{WALFile, SHMFile, Journal}

// An ID is what makes a file the same file in every mount namespace.
type ID struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// An Access is whom a file or directory belongs to, and who may use it how.
type Access struct {
	Mode uint32 `json:"mode"` // the nine permission bits, and the sticky bit
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
}

// permits reports whether the permission bits give a user what want asks for, of 4 to read, 2 to write and
// 1 to enter. Access control lists and capabilities are not looked at, but that root may do all.
func (a Access) permits(uid uint32, gids []uint32, want uint32) bool {
	switch {
	case uid == 0:
		return true
	case uid == a.UID:
		return a.Mode>>6&want == want
	case slices.Contains(gids, a.GID):
		return a.Mode>>3&want == want
	}
	return a.Mode&want == want
}

// A File is one of the database's files.
type File struct {
	Role     string    `json:"role"` // database, -wal, -shm or -journal
	ID       ID        `json:"id"`
	Links    uint32    `json:"links"` // names; 0: it is deleted, and lasts as long as a process has it open
	Size     int64     `json:"size"`  // in bytes
	Modified time.Time `json:"modified"`
	Access   Access    `json:"access"`
	MountID  int       `json:"-"`
}

// A Log is what a wal-index says (https://sqlite.org/walformat.html#the_wal_index_file_format), in frames of the WAL.
type Log struct {
	Last     uint32   `json:"last_frame"` // the last that is committed
	Backfill uint32   `json:"backfilled"` // that a checkpoint has copied into the database
	Marks    []uint32 `json:"read_marks"` // what readers see at most; 4294967295 is unused
}

// A Mount is a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	ID      int      `json:"-"`
	Type    string   `json:"type"`   // of the file system: "ext4", "fuse.sshfs"
	Source  string   `json:"source"` // a device, "server:/export", or what the file system makes of it
	Point   string   `json:"point"`  // where it is mounted
	Root    string   `json:"root"`   // what of the file system is mounted there
	Options []string `json:"options"`
	Device  string   `json:"-"` // "8:1": that of the file system, as /proc/locks has it
}

// Option returns the value of the mount's option, and whether it has that option.
func (m Mount) Option(name string) (value string, has bool) {
	for _, o := range m.Options {
		if o == name {
			return "", true
		}
		if v, is := strings.CutPrefix(o, name+"="); is {
			return v, true
		}
	}
	return "", false
}

// within returns the name that the file at p, below the mount's point, has in its file system: the same
// in every mount namespace.
func (m Mount) within(p string) string {
	rest, below := strings.CutPrefix(p, m.Point)
	if !below {
		return ""
	}
	return path.Join(m.Root, rest)
}

// A Space is what the file system has left for an ordinary user.
type Space struct {
	Free   uint64 `json:"free"`   // in bytes
	Inodes uint64 `json:"inodes"` // free ones; meaningless where Counts is not set
	Counts bool   `json:"counts_inodes"`
}

// A Holder is a process that has the database or a companion open.
type Holder struct {
	PID       int      `json:"pid"`
	Program   string   `json:"program"` // its name, of at most 15 bytes
	Command   string   `json:"command,omitempty"`
	UID       uint32   `json:"uid"`
	GIDs      []uint32 `json:"-"`
	User      string   `json:"user,omitempty"`      // the name that this machine has for UID
	Container string   `json:"container,omitempty"` // its name, else its short id
	Files     []Open   `json:"files"`
	Locks     []string `json:"locks"`            // what it holds, in SQLite's words: SHARED, WAL_WRITE
	Engines   []Engine `json:"sqlite,omitempty"` // the libraries of SQLite in its memory
	Parent    int      `json:"-"`                // its parent's process id
}

// An Open is a descriptor of one of the database's files.
type Open struct {
	File
	FD       int    `json:"fd"`
	Name     string `json:"name"` // the process's own name for it
	Writable bool   `json:"writable"`
	Mount    Mount  `json:"-"` // through which it was opened
	Locks    []Lock `json:"locks,omitempty"`
}

// An Engine is a file with SQLite in it that a process has mapped into its memory.
type Engine struct {
	File    string `json:"file"`
	Version string `json:"version"` // "3.40.1", "3.53.4 or 3.54.1"; empty where it could not be told
}

const eitherOr = " or " // between the versions that an Engine may have

// A Lock is an advisory lock on a range of a file's bytes.
type Lock struct {
	Kind  string `json:"kind"` // POSIX, OFDLCK or FLOCK, as /proc/locks has it
	Write bool   `json:"write"`
	PID   int    `json:"pid"` // the process that took it; -1 where that is not known
	First int64  `json:"first"`
	Last  int64  `json:"last"` // -1: to the end of the file
	Role  string `json:"role,omitempty"`
}

// covers reports whether the lock is on byte b.
func (l Lock) covers(b int64) bool {
	return l.Kind != "FLOCK" && l.First <= b && (l.Last < 0 || b <= l.Last)
}

// Stays are what was still so when doctor looked again: a state that a process only passes through, as every
// writer does, is no finding.
type Stays struct {
	For    time.Duration  // how long doctor looked
	Locks  map[int][]Lock // by process: what it held all the time, without a commit in between
	Lacks  map[int]bool   // processes that never held a lock on the database which their WAL calls for
	Index  *dbfile.Index  // the wal-index at the last look
	Halted bool           // no transaction was committed meanwhile
}

// Of returns the file in that role, nil where there is none.
func (f *Facts) Of(role string) *File {
	for i := range f.Files {
		if f.Files[i].Role == role {
			return &f.Files[i]
		}
	}
	return nil
}

// In returns the descriptors that the process has of files in that role.
func (h *Holder) In(role string) (all []Open) {
	for _, o := range h.Files {
		if o.Role == role {
			all = append(all, o)
		}
	}
	return all
}
