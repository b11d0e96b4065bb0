package cluster

import (
	"fmt"
	"syscall"

	"example.com/contend/internal/proc"
	"example.com/contend/internal/units"
)

// Bytes that must be free on a disk.
const (
	// SpaceToRecord is for a recording, or for `contend up`. The largest recording of the catalogue has
	// 10 MB (checkpoint), and some are made several at once.
	SpaceToRecord = 64 << 20
	// SpaceForServers is for private database servers. PostgreSQL's fresh files have 40 MB, and it lets
	// its WAL grow to 1 GB between two checkpoints (max_wal_size) if it is written to for long.
	SpaceForServers = 512 << 20
)

// A SpaceError is a disk without the space that something needs. It is [syscall.ENOSPC].
type SpaceError struct {
	Dir        string // a directory on the disk
	Free, Need uint64 // bytes
}

// Error says what is there and what is needed.
func (e *SpaceError) Error() string {
	return fmt.Sprintf("%s: %s free on its disk, and %s needed", e.Dir, mebibytes(e.Free), mebibytes(e.Need))
}

// Unwrap returns [syscall.ENOSPC].
func (e *SpaceError) Unwrap() error { return syscall.ENOSPC }

func mebibytes(n uint64) string { return units.Number(float64(n)/(1<<20)) + " MiB" }

// CheckSpace returns a [SpaceError] where dir is on a disk with less than need bytes free.
func CheckSpace(dir string, need uint64) error {
	if free, known := proc.Space(dir); known && free < need {
		return &SpaceError{Dir: dir, Free: free, Need: need}
	}
	return nil
}
