package store

import (
	"fmt"
	"strings"
)

// WALResetFixed reports whether a version of SQLite, such as "3.51.3", has the
// fix of the WAL-reset bug: from 3.7.0 on, a checkpoint that raced a commit which
// restarted the WAL could lose acknowledged commits and damage the file, until
// 3.51.3 and, on their branches, 3.50.7 and 3.44.6
// (https://sqlite.org/wal.html#walresetbug). A version that cannot be read is
// not known to have it: known is then false.
func WALResetFixed(version string) (fixed, known bool) {
	var major, minor, patch int
	n, err := fmt.Sscanf(strings.TrimSpace(version), "%d.%d.%d", &major, &minor, &patch)
	if err != nil || n != 3 || major != 3 {
		return false, false
	}
	switch {
	case minor < 7: // there was no WAL
		return true, true
	case minor == 44:
		return patch >= 6, true
	case minor == 50:
		return patch >= 7, true
	case minor == 51:
		return patch >= 3, true
	}
	return minor > 51, true
}
