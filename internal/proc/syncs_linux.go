package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A Syncs counts how often processes ask the kernel to bring a file to the disk, by
// fsync(2) or fdatasync(2). The kernel counts, in tracepoints
// (https://docs.kernel.org/trace/events.html). It is not free: the kernel changes the
// counters of a thread at every switch to another one, which cost nodes 3 to 40 % more
// processor time in eight pairs of loads on a busy machine.
type Syncs struct{ counters []int }

// CountSyncs counts for the processes and everything that they have started or will
// start, until Stop. It takes the right to read performance events of the kernel's
// (CAP_PERFMON) and its list of tracepoints, which is root's.
func CountSyncs(pids []int) (*Syncs, error) {
	ids, err := tracepoints()
	if err != nil {
		return nil, fmt.Errorf("count syncs: %w", err)
	}
	all, err := processes()
	if err != nil {
		return nil, fmt.Errorf("count syncs: %w", err)
	}
	s := new(Syncs)
	for _, pid := range pids {
		for _, process := range all.family(pid) {
			threads, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(process), "task")) // none where it has ended
			for _, thread := range threads {
				tid, _ := strconv.Atoi(thread.Name())
				for _, id := range ids {
					counter, err := count(id, tid)
					if errors.Is(err, unix.ESRCH) { // it has ended
						continue
					}
					if err != nil {
						return nil, errors.Join(fmt.Errorf("count syncs: %w", err), s.close())
					}
					s.counters = append(s.counters, counter)
				}
			}
		}
	}
	return s, nil
}

// Stop returns how many there were.
func (s *Syncs) Stop() (n int64, err error) {
	for _, counter := range s.counters {
		var value [8]byte
		if _, err := unix.Read(counter, value[:]); err != nil {
			return 0, errors.Join(fmt.Errorf("count syncs: %w", err), s.close())
		}
		n += int64(binary.NativeEndian.Uint64(value[:]))
	}
	return n, s.close()
}

func (s *Syncs) close() (err error) {
	for _, counter := range s.counters {
		err = errors.Join(err, unix.Close(counter))
	}
	s.counters = nil
	return err
}

// count counts a tracepoint in a thread and in those that it starts.
func count(id uint64, tid int) (counter int, err error) {
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Size: unix.PERF_ATTR_SIZE_VER0, Bits: unix.PerfBitInherit}
	return unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
}

// tracepoints returns the kernel's numbers of the tracepoints of fsync and fdatasync. It
// keeps a counter of each on a thread of ours: the last one to be closed would have to
// wait for every processor.
var tracepoints = sync.OnceValues(func() (ids []uint64, err error) {
	for _, call := range []string{"fsync", "fdatasync"} {
		text, err := readTracing("events/syscalls/sys_enter_" + call + "/id")
		if err != nil {
			return nil, err
		}
		id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
		if err == nil {
			_, err = count(id, 0)
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
})

// readTracing reads a file of the kernel's tracing file system. Where nobody has mounted
// that, a thread that ends with it does so for itself alone.
func readTracing(name string) (text []byte, err error) {
	const dir = "/sys/kernel/tracing"
	if text, err = os.ReadFile(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
		return text, err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		runtime.LockOSThread() // and never unlocked
		if err = unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil {
			err = unix.Mount("none", dir, "tracefs", 0, "")
		}
		if err == nil {
			text, err = os.ReadFile(filepath.Join(dir, name))
		}
	}()
	<-read
	return text, err
}
