// Package lockstate follows the locks of a SQLite database: it takes every attempt at a byte-range
// lock of its files, as the kernel reports them, and returns holds and waits in SQLite's words.
//
// Two ideas carry it. A [Hold] is a lock from its grant to its release; which bytes mean which lock is
// a table ([Lock]). A [Wait] is a row of refused attempts: SQLite's waiters never queue in the kernel,
// they try again and again, so a wait lasts from the first refusal to the grant, or to the last refusal if
// no attempt follows.
//
// It sees what the kernel sees. Connections of one process that use POSIX locks are one owner to the
// kernel, and what they refuse each other cannot be seen here.
package lockstate

// A File is which of a database's files a lock is on. The WAL and the rollback journal are never locked.
type File uint8

// The files with locks.
const (
	Main  File = iota // the database itself
	Index             // the wal-index, -shm
)

// A Lock is one of SQLite's locks: a range of bytes in one of the files. A process takes it shared or
// exclusive.
type Lock uint8

// The locks of the database (https://sqlite.org/lockingv3.html) and those of the wal-index
// (https://sqlite.org/walformat.html#wal_locks). SHARED taken exclusively is EXCLUSIVE. Every connection in WAL mode holds DMS
// ("dead man's switch") as long as it is attached to the wal-index.
const (
	Pending Lock = iota
	Reserved
	Shared
	Write
	Checkpoint
	Recover
	Read0
	Read1
	Read2
	Read3
	Read4
	DMS
)

// ranges is where the locks are: src/os_unix.c (PENDING_BYTE and after), src/wal.c (WALINDEX_LOCK_OFFSET).
var ranges = [...]struct {
	name        string
	file        File
	first, last int64
}{
	Pending:    {"PENDING", Main, 0x40000000, 0x40000000},
	Reserved:   {"RESERVED", Main, 0x40000001, 0x40000001},
	Shared:     {"SHARED", Main, 0x40000002, 0x40000002 + 509},
	Write:      {"WAL_WRITE", Index, 120, 120},
	Checkpoint: {"WAL_CKPT", Index, 121, 121},
	Recover:    {"WAL_RECOVER", Index, 122, 122},
	Read0:      {"WAL_READ0", Index, 123, 123},
	Read1:      {"WAL_READ1", Index, 124, 124},
	Read2:      {"WAL_READ2", Index, 125, 125},
	Read3:      {"WAL_READ3", Index, 126, 126},
	Read4:      {"WAL_READ4", Index, 127, 127},
	DMS:        {"DMS", Index, 128, 128},
}

// Locks of the wal-index span these bytes.
const (
	FirstIndexByte = 120
	LastIndexByte  = 128
)

// A Kind is a lock and how it is taken.
type Kind struct {
	Lock      Lock
	Exclusive bool
}

// String returns SQLite's word for the lock: SHARED, RESERVED, PENDING, EXCLUSIVE, WAL_WRITE, WAL_CKPT, WAL_RECOVER,
// WAL_READ0 to WAL_READ4 or DMS.
func (k Kind) String() string {
	if k == (Kind{Shared, true}) {
		return "EXCLUSIVE"
	}
	return ranges[k.Lock].name
}

// MarshalText is String, for JSON.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Writes reports whether who holds the lock is, or is about to be, the database's one writer.
func (k Kind) Writes() bool {
	return k.Exclusive && (k.Lock == Reserved || k.Lock == Pending || k.Lock == Shared || k.Lock == Write)
}

// Reads reports whether who holds the lock reads in a transaction. SHARED counts although a connection in WAL
// mode has it all the time: [Hold.Idle] says so.
func (k Kind) Reads() bool { return !k.Exclusive && (k.Lock == Shared || k.readMark()) }

// readMark reports whether the lock belongs to a read mark of the wal-index.
func (k Kind) readMark() bool { return k.Lock >= Read0 && k.Lock <= Read4 }

// OnMain reports whether the lock is one of the main file's.
func (k Kind) OnMain() bool { return ranges[k.Lock].file == Main }

// compatible reports whether two owners may hold both at once.
func (k Kind) compatible(other Kind) bool {
	return k.Lock != other.Lock || !k.Exclusive && !other.Exclusive
}

// wanted returns which lock SQLite was after when it was refused k: on its way to SHARED it tests
// PENDING, and EXCLUSIVE begins with PENDING.
func (k Kind) wanted() Kind {
	if k.Lock == Pending {
		k.Lock = Shared
	}
	return k
}

// covered returns the locks of file that bytes first to last touch.
func covered(file File, first, last int64) (all []Lock) {
	var some [len(ranges)]Lock
	all = some[:0]
	for lock := range ranges {
		if r := &ranges[lock]; r.file == file && first <= r.last && r.first <= last {
			all = append(all, Lock(lock))
		}
	}
	return all
}
