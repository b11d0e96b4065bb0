package proc

import "golang.org/x/sys/unix"

// Space returns how many bytes this user may still write to the file system that holds path, and
// whether that is known.
func Space(path string) (free uint64, known bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil || stat.Blocks == 0 {
		return 0, false
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), true
}
