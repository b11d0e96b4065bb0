package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// A viewer gathers facts about one database.
type viewer struct {
	target Target
	root   *os.File            // the root directory in which the target's path is looked up; nil for doctor's own
	files  map[string]*os.File // what is open, by role
	facts  *Facts
	mounts map[string][]Mount // by mount namespace
	hidden int                // processes whose descriptors may not be seen
}

// ofProcess is a path in the root directory of a process. The database is what that process has at the path, with its
// mounts and companions.
var ofProcess = regexp.MustCompile(`^/proc/([0-9]+)/root(/.+)`)

func see(ctx context.Context, t Target) (*Facts, *Contents, map[string]*os.File, error) {
	if m := ofProcess.FindStringSubmatch(t.Path); t.PID == 0 && m != nil {
		t.PID, _ = strconv.Atoi(m[1])
		t.Path, t.Container = m[2], m[1]
	}
	v := &viewer{target: t, files: map[string]*os.File{}, facts: &Facts{Container: t.Container, Read: time.Now()}, mounts: map[string][]Mount{}}
	if t.PID != 0 {
		root, err := os.Open(t.root())
		if err != nil {
			return nil, nil, nil, fmt.Errorf("enter the root directory of process %d: %w", t.PID, err)
		}
		defer root.Close()
		v.root = root
	}
	if err := v.place(); err != nil {
		return nil, nil, v.files, err
	}
	contents := readContents(v.files, t.root())
	if err := v.processes(ctx); err != nil {
		return nil, nil, v.files, err
	}
	v.settle()
	search := finder{left: mostPrograms, known: map[ID][]string{}}
	for i := range v.facts.Holders {
		v.facts.Holders[i].Engines = search.engines(v.facts.Holders[i].PID)
	}
	v.foreign()
	v.lookAgain(ctx)
	return v.facts, contents, v.files, nil
}

// open opens the file at name for reading, where it is a regular one: to open another may wait for somebody, or
// change something. It returns the name that the kernel has for it.
func (v *viewer) open(name string) (*os.File, string, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC}
	from := unix.AT_FDCWD
	if v.root != nil {
		// Symbolic links lead where they lead the process.
		from, how.Resolve = int(v.root.Fd()), unix.RESOLVE_IN_ROOT
	}
	handle, err := unix.Openat2(from, name, &how)
	if err != nil {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(handle)
	var stat unix.Stat_t
	if err := unix.Fstat(handle, &stat); err != nil {
		return nil, "", &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: errors.New("it is no regular file, as a database is")}
	}
	at := fmt.Sprintf("/proc/self/fd/%d", handle)
	real, err := os.Readlink(at)
	if err != nil {
		return nil, "", err
	}
	f, err := os.Open(at)
	if err != nil {
		return nil, "", &fs.PathError{Op: "open", Path: name, Err: errors.Unwrap(err)}
	}
	return f, real, nil
}

// place opens the files and finds out where they lie.
func (v *viewer) place() error {
	f := v.facts
	db, name, err := v.open(v.target.Path)
	if err != nil {
		return err
	}
	v.files[Database], f.Path = db, name
	for _, role := range companions {
		file, _, err := v.open(name + role)
		switch {
		case err == nil:
			v.files[role] = file
		case !errors.Is(err, fs.ErrNotExist):
			f.Unseen = append(f.Unseen, fmt.Sprintf("The %s file could not be read: %v.", role, err))
		}
	}
	for _, role := range append([]string{Database}, companions...) {
		if v.files[role] == nil {
			continue
		}
		file, err := statFile(fmt.Sprintf("/proc/self/fd/%d", v.files[role].Fd()))
		if err != nil {
			return fmt.Errorf("stat %s: %w", name, err)
		}
		file.Role = role
		file.MountID, _, _ = descriptor("self", int(v.files[role].Fd()))
		f.Files = append(f.Files, file)
	}
	var table []Mount
	if table, err = mounts(v.self()); err != nil {
		return err
	}
	if at := slices.IndexFunc(table, func(m Mount) bool { return m.ID == f.Files[0].MountID }); at >= 0 {
		f.Mount = table[at]
	} else {
		f.Unseen = append(f.Unseen, "The mount that the database lies on stands in no list of mounts.")
	}
	var stat unix.Statfs_t
	if err := unix.Fstatfs(int(db.Fd()), &stat); err == nil {
		f.Space = Space{Free: stat.Bavail * uint64(stat.Bsize), Inodes: stat.Ffree, Counts: stat.Files > 0}
	}
	v.beside()
	f.Header, f.Index = readHeader(db), readIndex(v.files[SHMFile])
	f.WAL = f.Header != nil && f.Header.WAL()
	if x := f.Index; x != nil {
		f.Log = &Log{x.Last, x.Backfill, x.Marks[:]}
	}
	return nil
}

// self is the directory of /proc that stands for the mount namespace of the target.
func (v *viewer) self() string {
	if v.target.PID != 0 {
		return strconv.Itoa(v.target.PID)
	}
	return "self"
}

// beside looks at the database's directory.
func (v *viewer) beside() {
	base := fmt.Sprintf("/proc/%s/root", v.self())
	dir, err := statFile(base + path.Dir(v.facts.Path))
	if err == nil {
		v.facts.Dir = dir.Access
	}
	if _, err := os.Lstat(base + v.facts.Path + ".lock"); err == nil {
		v.facts.Beside = append(v.facts.Beside, v.facts.Path+".lock")
	}
}

func statFile(name string) (File, error) {
	var s unix.Statx_t
	// The attributes that this machine has: a network file system that does not answer would be waited for.
	if err := unix.Statx(unix.AT_FDCWD, name, unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &s); err != nil {
		return File{}, err
	}
	return File{
		ID:    ID{unix.Mkdev(s.Dev_major, s.Dev_minor), s.Ino},
		Links: s.Nlink, Size: int64(s.Size), Modified: time.Unix(s.Mtime.Sec, int64(s.Mtime.Nsec)),
		Access: Access{uint32(s.Mode) & 0o1777, s.Uid, s.Gid},
	}, nil
}

// mounts returns the mounts that a process has.
func mounts(process string) ([]Mount, error) {
	f, err := os.Open(filepath.Join("/proc", process, "mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	infos, err := mountinfo.GetMountsFromReader(f, nil)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	var all []Mount
	for _, m := range infos {
		options := strings.Split(m.Options, ",")
		for _, o := range strings.Split(m.VFSOptions, ",") {
			if o != "" && !slices.Contains(options, o) {
				options = append(options, o)
			}
		}
		all = append(all, Mount{
			ID: m.ID, Type: m.FSType, Source: m.Source, Point: m.Mountpoint, Root: m.Root, Options: options,
			Device: fmt.Sprintf("%02x:%02x", m.Major, m.Minor),
		})
	}
	return all, nil
}

// foreign finds locks of those whose descriptors were not seen: in /proc/locks, which names processes of this PID
// namespace, and by asking for the lock that keeps another from being taken (F_GETLK), which takes none.
func (v *viewer) foreign() {
	seen := map[int]bool{os.Getpid(): true}
	ofd := false
	for _, h := range v.facts.Holders {
		seen[h.PID] = true
		for _, o := range h.Files {
			ofd = ofd || slices.ContainsFunc(o.Locks, func(l Lock) bool { return l.Kind == "OFDLCK" })
		}
	}
	add := func(l Lock, role string) {
		if l.PID > 0 {
			if _, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", l.PID)); seen[l.PID] || err == nil {
				return // one that can be seen came since, or has gone
			}
		}
		if l.PID < 0 && ofd {
			return // it may well be that of a descriptor that was seen
		}
		if l.PID >= 0 {
			seen[l.PID] = true
		}
		l.Role = role
		v.facts.Foreign = append(v.facts.Foreign, l)
	}
	if text, err := os.Open("/proc/locks"); err == nil {
		defer text.Close()
		for lines := bufio.NewScanner(text); lines.Scan(); {
			_, line, _ := strings.Cut(lines.Text(), ":")
			l, at, ok := parseLock("0:" + line)
			for _, f := range v.facts.Files {
				if ok && at == fmt.Sprintf("%s:%d", v.facts.Mount.Device, f.ID.Inode) {
					add(l, f.Role)
				}
			}
		}
	}
	for _, probe := range probes {
		file := v.files[probe.role]
		if file == nil {
			continue
		}
		l := unix.Flock_t{Type: unix.F_WRLCK, Start: probe.first, Len: probe.length}
		if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &l); err == nil && l.Type != unix.F_UNLCK {
			last := l.Start + l.Len - 1
			if l.Len == 0 {
				last = -1
			}
			add(Lock{Kind: "POSIX", Write: l.Type == unix.F_WRLCK, PID: int(l.Pid), First: l.Start, Last: last}, probe.role)
		}
	}
}

// lookAgain finds out which locks stay.
func (v *viewer) lookAgain(ctx context.Context) {
	f := v.facts
	s := Stays{Locks: map[int][]Lock{}, Lacks: map[int]bool{}, Halted: true}
	for i := range f.Holders {
		h := &f.Holders[i]
		if held := h.passing(f); len(held) > 0 {
			s.Locks[h.PID] = held
		}
		if h.lacks(f) {
			s.Lacks[h.PID] = true
		}
	}
	start := time.Now()
	for len(s.Locks)+len(s.Lacks) > 0 && s.For < lookFor && ctx.Err() == nil {
		time.Sleep(lookEvery)
		s.For = time.Since(start)
		header, index := readHeader(v.files[Database]), readIndex(v.files[SHMFile])
		if header != nil && f.Header != nil && header.ChangeCounter != f.Header.ChangeCounter || index != nil && f.Index != nil && index.Change != f.Index.Change {
			s.Halted = false
		}
		s.Index = index
		for i := range f.Holders {
			h := f.Holders[i]
			if s.Locks[h.PID] == nil && !s.Lacks[h.PID] {
				continue
			}
			h.Files = slices.Clone(h.Files)
			for j := range h.Files {
				o := &h.Files[j]
				name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", h.PID, o.FD))
				if err != nil || strings.TrimSuffix(name, deleted) != o.Name {
					h.Files[j].Role = "" // closed
				}
				_, _, o.Locks = descriptor(strconv.Itoa(h.PID), o.FD)
			}
			held := h.passing(f)
			s.Locks[h.PID] = slices.DeleteFunc(s.Locks[h.PID], func(l Lock) bool {
				// A writer that has committed since does not stay; a reader may.
				return !slices.Contains(held, l) || !s.Halted && !l.reads()
			})
			if len(s.Locks[h.PID]) == 0 {
				delete(s.Locks, h.PID)
			}
			if !h.lacks(f) {
				delete(s.Lacks, h.PID)
			}
		}
		// What is missing needs no longer look than it takes to be sure that nobody was just opening the file.
		if len(s.Locks) == 0 && s.For > lookFor/8 {
			break
		}
	}
	f.Stays = s
}
