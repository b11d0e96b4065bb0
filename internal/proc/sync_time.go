package proc

import (
	"errors"
	"os"
	"slices"
	"time"
)

// SyncTime returns how long it takes until the storage under directory dir has what was written to a file there: the
// median of nine times that a page of 4 KiB is appended and fsync returns. A file system in memory takes
// less than a microsecond, a disk with a cache of its own 0.1 ms and more, one without 5 to 10 ms.
func SyncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".sync-")
	if err != nil {
		return 0, err
	}
	page := make([]byte, 4096)
	var took []time.Duration
	for range 9 {
		_, errWrite := f.Write(page)
		began := time.Now()
		errSync := f.Sync()
		took = append(took, time.Since(began))
		if err = errors.Join(errWrite, errSync); err != nil {
			break
		}
	}
	slices.Sort(took)
	return took[len(took)/2], errors.Join(err, f.Close(), os.Remove(f.Name()))
}
