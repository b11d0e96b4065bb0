package locktap

import (
	"bufio"
	"bytes"
	"math"
	"strconv"
	"strings"

	"example.com/contend/internal/lockstate"
)

// A Held is a lock of /proc/locks, of any file.
type Held struct {
	lockstate.Listed
	Device uint64 // major << 20 | minor
	OFD    bool
}

// ParseLocks reads the text of /proc/locks (proc_locks(5)). Lines of other kinds of locks, those of waiters and those that make
// no sense are left out.
func ParseLocks(text []byte) (all []Held) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		// 1: POSIX  ADVISORY  WRITE 4242 08:01:131 1073741826 1073742335
		f := strings.Fields(lines.Text())
		if len(f) != 8 || f[1] != "POSIX" && f[1] != "OFDLCK" {
			continue
		}
		h := Held{OFD: f[1] == "OFDLCK"}
		h.Exclusive = f[3] == "WRITE"
		id := strings.Split(f[5], ":")
		pid, errPID := strconv.Atoi(f[4])
		first, errFirst := strconv.ParseInt(f[6], 10, 64)
		last, errLast := int64(math.MaxInt64), error(nil)
		if f[7] != "EOF" {
			last, errLast = strconv.ParseInt(f[7], 10, 64)
		}
		if len(id) != 3 || errPID != nil || errFirst != nil || errLast != nil {
			continue
		}
		major, errMajor := strconv.ParseUint(id[0], 16, 12)
		minor, errMinor := strconv.ParseUint(id[1], 16, 20)
		inode, errInode := strconv.ParseUint(id[2], 10, 64)
		if errMajor != nil || errMinor != nil || errInode != nil {
			continue
		}
		h.Device, h.Inode, h.PID, h.First, h.Last = major<<20|minor, inode, max(pid, 0), first, last
		all = append(all, h)
	}
	return all
}
