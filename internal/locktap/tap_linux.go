package locktap

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"example.com/contend/internal/lockstate"
	"example.com/contend/internal/owner"
)

const (
	tracepoint = "events/filelock/posix_lock_inode"
	prefix     = "contend-watch-" // of an instance's name; its maker's mark and a number follow
)

// A Tap records attempts at locks. Its methods are for one goroutine.
type Tap struct {
	mount   int    // a mount of tracefs of our own; -1 where it is mounted for everybody
	root    string // of tracefs
	dir     string // the instance
	group   string // of our probes
	probes  []string
	layout  *Layout
	cpus    []int // trace_pipe_raw of each processor
	page    []byte
	pending []Event
}

// The kernel's buffers take this much in all, in KiB, and no processor has less or more than that.
const (
	bufferTotal = 64 << 10
	bufferLeast = 512
	bufferMost  = 8 << 10
)

var instances atomic.Int64

// Open makes an instance that records nothing yet, and removes those that dead processes have left. An error says what it takes:
// root (the files of tracefs are root's), and CAP_SYS_ADMIN where tracefs is not mounted.
func Open() (tap *Tap, err error) {
	root, mount, err := tracefs()
	if err != nil {
		return nil, err
	}
	number := instances.Add(1)
	t := &Tap{mount: mount, root: root, group: group(owner.Self(), number)}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close())
		}
	}()
	if _, err := os.Stat(filepath.Join(root, tracepoint)); errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("reading the kernel's trace takes root: %w", err)
	} else if err != nil {
		return nil, fmt.Errorf("this kernel has no tracepoint filelock:posix_lock_inode (CONFIG_FILE_LOCKING, CONFIG_TRACEPOINTS): %w", err)
	}
	t.reclaim()
	dir := filepath.Join(root, "instances", fmt.Sprintf("%s%s-%d", prefix, owner.Self(), number))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a trace takes root and a tracefs that is not read-only: %w", err)
	}
	t.dir = dir
	buffer := min(max(bufferTotal/runtime.NumCPU(), bufferLeast), bufferMost)
	for _, set := range [][2]string{{"trace_clock", "mono"}, {"buffer_size_kb", strconv.Itoa(buffer)}} {
		if err := t.write(set[0], set[1]); err != nil {
			return nil, err
		}
	}
	format, errFormat := os.ReadFile(filepath.Join(dir, tracepoint, "format"))
	header, errHeader := os.ReadFile(filepath.Join(dir, "events/header_page"))
	if err := errors.Join(errFormat, errHeader); err != nil {
		return nil, err
	}
	if t.layout, err = ParseLayout(format, header); err != nil {
		return nil, err
	}
	t.page = make([]byte, t.layout.PageSize)
	pipes, _ := filepath.Glob(filepath.Join(dir, "per_cpu/cpu*/trace_pipe_raw"))
	for _, pipe := range pipes {
		fd, err := unix.Open(pipe, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", pipe, err)
		}
		t.cpus = append(t.cpus, fd)
	}
	return t, nil
}

// tracefs returns where tracefs is. Where nobody has mounted it, it makes a mount that stands in no mount namespace and
// is reached by its descriptor alone.
func tracefs() (root string, mount int, err error) {
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		var is unix.Statfs_t
		if unix.Statfs(dir, &is) == nil && is.Type == unix.TRACEFS_MAGIC {
			return dir, -1, nil
		}
	}
	config, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err == nil {
		defer unix.Close(config)
		err = unix.FsconfigCreate(config)
	}
	if err == nil {
		mount, err = unix.Fsmount(config, unix.FSMOUNT_CLOEXEC, 0)
	}
	switch {
	case err == nil:
		return fmt.Sprintf("/proc/self/fd/%d", mount), mount, nil
	case errors.Is(err, unix.EPERM):
		err = fmt.Errorf("tracefs is not mounted at /sys/kernel/tracing, and mounting it takes root with CAP_SYS_ADMIN: %w", err)
	case errors.Is(err, unix.ENODEV):
		err = fmt.Errorf("this kernel has no tracefs (CONFIG_TRACING): %w", err)
	case errors.Is(err, unix.ENOSYS):
		err = fmt.Errorf("tracefs is not mounted, and this kernel is older than 5.2: mount -t tracefs tracefs /sys/kernel/tracing: %w", err)
	default:
		err = fmt.Errorf("mount tracefs: %w", err)
	}
	return "", -1, err
}

// group returns the name of a group of probes: only letters, digits and underscores, and at most 63 of them. A probe does not outlive a start of
// the machine, so its maker's process, start and PID namespace tell whose it is.
func group(m owner.Mark, number int64) string {
	return fmt.Sprintf("%s%d_%s_%s_%d", groupPrefix, m.PID, m.Start, m.Space, number)
}

const groupPrefix = "contend_"

var ofGroup = regexp.MustCompile(`^[pr][0-9]*:(` + groupPrefix + `([0-9]+)_([0-9]+)_([0-9]+)_[0-9]+/\w+) `)

// reclaim removes the instances, and then the probes, of processes that have ended. What it cannot remove stays for the next one.
func (t *Tap) reclaim() {
	dir := filepath.Join(t.root, "instances")
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		name, ours := strings.CutPrefix(entry.Name(), prefix)
		if end := strings.LastIndexByte(name, '-'); ours && end > 0 {
			if mark, err := owner.Parse(name[:end]); err == nil && mark.Fate() == owner.Ended {
				_ = unix.Rmdir(filepath.Join(dir, entry.Name()))
			}
		}
	}
	probes, _ := os.ReadFile(filepath.Join(t.root, "uprobe_events"))
	for line := range strings.Lines(string(probes)) {
		if m := ofGroup.FindStringSubmatch(line); m != nil {
			mark := owner.Self()
			mark.PID, _ = strconv.Atoi(m[2])
			mark.Start, mark.Space = m[3], m[4]
			if mark.Fate() == owner.Ended {
				_ = t.dynamic("-:" + m[1])
			}
		}
	}
}

func (t *Tap) write(file, text string) error {
	f, err := os.OpenFile(filepath.Join(t.dir, file), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Watch records the attempts at locks of these inodes from now on. Of other files of the device it records those at the bytes of a wal-index, and
// unlocking as a whole, as at a close: SQLite deletes its wal-index and makes it again.
func (t *Tap) Watch(device uint64, inodes []uint64) error {
	var terms []string
	for _, inode := range inodes {
		terms = append(terms, fmt.Sprintf("i_ino == %d", inode))
	}
	terms = append(terms, fmt.Sprintf("(fl_start >= %d && fl_end <= %d)", lockstate.FirstIndexByte, lockstate.LastIndexByte),
		fmt.Sprintf("(fl_start == 0 && fl_end == %d)", math.MaxInt64))
	if err := t.write(tracepoint+"/filter", fmt.Sprintf("s_dev == %d && (%s)", device, strings.Join(terms, " || "))); err != nil {
		return err
	}
	return t.write(tracepoint+"/enable", "1")
}

// settle is how long the kernel may take from the time of an event to its place in the buffer.
const settle = time.Millisecond

// maxPages is how many pages of a processor are read at once, so that Read ends.
const maxPages = 4 << 10

// Read calls each with the events since the last time, in the order of their times. Those of the last moment wait
// for the next Read, because another processor may still write down an earlier one; with all they do not. It returns how many were lost because the
// kernel's buffer was full.
func (t *Tap) Read(all bool, each func(Event)) (lost int64, err error) {
	until := Now() - int64(settle)
	for _, cpu := range t.cpus {
		for range maxPages {
			n, errRead := unix.Read(cpu, t.page)
			if errRead == unix.EINTR {
				continue
			}
			if n <= 0 || errRead != nil {
				if errRead != nil && errRead != unix.EAGAIN {
					err = errors.Join(err, fmt.Errorf("read the kernel's trace: %w", errRead))
				}
				break
			}
			missed, errPage := t.layout.Page(t.page[:n], func(e Event) { t.pending = append(t.pending, e) })
			lost += missed
			err = errors.Join(err, errPage)
		}
	}
	slices.SortStableFunc(t.pending, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	n := len(t.pending)
	if !all {
		n, _ = slices.BinarySearchFunc(t.pending, until, func(e Event, at int64) int { return cmp.Compare(e.At, at) })
	}
	for i := range t.pending[:n] {
		each(t.pending[i])
	}
	t.pending = append(t.pending[:0], t.pending[n:]...)
	return lost, err
}

// Close ends the recording and removes the instance.
func (t *Tap) Close() (err error) {
	if t.dir != "" {
		_ = t.write(tracepoint+"/enable", "0") // removing the instance does it too
	}
	for _, fd := range t.cpus {
		err = errors.Join(err, unix.Close(fd))
	}
	if t.dir != "" {
		if errRemove := unix.Rmdir(t.dir); errRemove != nil {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", t.dir, errRemove))
		}
	}
	for _, probe := range t.probes { // the kernel removes none that an instance uses
		err = errors.Join(err, t.dynamic("-:"+t.group+"/"+probe))
	}
	if t.mount >= 0 {
		err = errors.Join(err, unix.Close(t.mount))
	}
	t.cpus, t.probes, t.dir, t.mount = nil, nil, "", -1
	return err
}

// Now returns the time of the clock that events have: CLOCK_MONOTONIC, in nanoseconds.
func Now() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it cannot fail
	return now.Nano()
}

// An Identity is a file as the kernel's locks name it.
type Identity struct {
	Device, Inode uint64 // stat(2) may give others: on btrfs and on overlayfs it does
	Byte          int64  // that Identify locked: an event with it is ours
}

// Identify returns which device and inode the kernel's locks have for the file at path. It takes a shared OFD lock on a byte far behind
// those that SQLite locks, finds it in /proc/locks and closes the file. That drops no lock of another process, and this process must have none.
func Identify(path string) (Identity, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return Identity{}, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	at := 1<<60 | rand.Int64N(1<<60)
	lock := unix.Flock_t{Type: unix.F_RDLCK, Start: at, Len: 1}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock); err != nil {
		return Identity{}, fmt.Errorf("lock a byte of %s that SQLite does not use: %w", path, err)
	}
	for range 20 { // one list may miss a lock
		held, err := Locks()
		if err != nil {
			return Identity{}, err
		}
		for _, h := range held {
			if h.OFD && h.First == at {
				return Identity{h.Device, h.Inode, at}, nil
			}
		}
	}
	return Identity{}, fmt.Errorf("/proc/locks does not show locks of %s", path)
}

// Locks returns the locks that are held now, of all files and processes of this PID namespace. OFD locks have no process there.
func Locks() ([]Held, error) {
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil, err
	}
	return ParseLocks(text), nil
}

// Command returns the name of a thread's program, of at most 15 bytes, also where the thread has ended not long ago: the kernel keeps
// those of some hundred threads that were last seen. It is empty where the kernel does not know.
func (t *Tap) Command(tid int) string {
	text, _ := os.ReadFile(filepath.Join(t.root, "saved_cmdlines"))
	for line := range strings.Lines(string(text)) {
		if id, name, _ := strings.Cut(strings.TrimSpace(line), " "); id == strconv.Itoa(tid) {
			return name
		}
	}
	return ""
}

// Probe records each call of sqlite3_step in every process that uses the file at path, from now on. The file must be named without a
// blank. The kernel puts a breakpoint into their memory, which costs each call a trap.
func (t *Tap) Probe(p Probe, path string) error {
	name := fmt.Sprintf("step%d", len(t.layout.steps))
	if err := t.dynamic(p.spec(t.group, name, path)); err != nil {
		return fmt.Errorf("probe sqlite3_step: %w", err)
	}
	t.probes = append(t.probes, name)
	dir := filepath.Join("events", t.group, name)
	text, err := os.ReadFile(filepath.Join(t.dir, dir, "format"))
	if err != nil {
		return err
	}
	format, err := parseFormat(text, stepFields)
	if err != nil {
		return err
	}
	t.layout.steps = append(t.layout.steps, format)
	return t.write(filepath.Join(dir, "enable"), "1")
}

// dynamic writes a line into the list of probes, which is one for all instances.
func (t *Tap) dynamic(line string) error {
	f, err := os.OpenFile(filepath.Join(t.root, "uprobe_events"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
