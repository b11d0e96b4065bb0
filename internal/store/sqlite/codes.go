package sqlite

import (
	"fmt"
	"time"

	"example.com/contend/internal/store"
)

// names are all result codes that SQLite documents (https://sqlite.org/rescode.html).
// The primary code is the low byte of an extended one.
var names = map[int]string{
	0: "SQLITE_OK", 1: "SQLITE_ERROR", 2: "SQLITE_INTERNAL", 3: "SQLITE_PERM", 4: "SQLITE_ABORT",
	5: "SQLITE_BUSY", 6: "SQLITE_LOCKED", 7: "SQLITE_NOMEM", 8: "SQLITE_READONLY", 9: "SQLITE_INTERRUPT",
	10: "SQLITE_IOERR", 11: "SQLITE_CORRUPT", 12: "SQLITE_NOTFOUND", 13: "SQLITE_FULL", 14: "SQLITE_CANTOPEN",
	15: "SQLITE_PROTOCOL", 16: "SQLITE_EMPTY", 17: "SQLITE_SCHEMA", 18: "SQLITE_TOOBIG", 19: "SQLITE_CONSTRAINT",
	20: "SQLITE_MISMATCH", 21: "SQLITE_MISUSE", 22: "SQLITE_NOLFS", 23: "SQLITE_AUTH", 24: "SQLITE_FORMAT",
	25: "SQLITE_RANGE", 26: "SQLITE_NOTADB", 27: "SQLITE_NOTICE", 28: "SQLITE_WARNING",
	100: "SQLITE_ROW", 101: "SQLITE_DONE",

	256: "SQLITE_OK_LOAD_PERMANENTLY", 512: "SQLITE_OK_SYMLINK",
	257: "SQLITE_ERROR_MISSING_COLLSEQ", 513: "SQLITE_ERROR_RETRY", 769: "SQLITE_ERROR_SNAPSHOT",
	1025: "SQLITE_ERROR_RESERVESIZE", 1281: "SQLITE_ERROR_KEY", 1537: "SQLITE_ERROR_UNABLE",
	516: "SQLITE_ABORT_ROLLBACK",
	261: "SQLITE_BUSY_RECOVERY", 517: "SQLITE_BUSY_SNAPSHOT", 773: "SQLITE_BUSY_TIMEOUT",
	262: "SQLITE_LOCKED_SHAREDCACHE", 518: "SQLITE_LOCKED_VTAB",
	264: "SQLITE_READONLY_RECOVERY", 520: "SQLITE_READONLY_CANTLOCK", 776: "SQLITE_READONLY_ROLLBACK",
	1032: "SQLITE_READONLY_DBMOVED", 1288: "SQLITE_READONLY_CANTINIT", 1544: "SQLITE_READONLY_DIRECTORY",
	266: "SQLITE_IOERR_READ", 522: "SQLITE_IOERR_SHORT_READ", 778: "SQLITE_IOERR_WRITE", 1034: "SQLITE_IOERR_FSYNC",
	1290: "SQLITE_IOERR_DIR_FSYNC", 1546: "SQLITE_IOERR_TRUNCATE", 1802: "SQLITE_IOERR_FSTAT",
	2058: "SQLITE_IOERR_UNLOCK", 2314: "SQLITE_IOERR_RDLOCK", 2570: "SQLITE_IOERR_DELETE",
	2826: "SQLITE_IOERR_BLOCKED", 3082: "SQLITE_IOERR_NOMEM", 3338: "SQLITE_IOERR_ACCESS",
	3594: "SQLITE_IOERR_CHECKRESERVEDLOCK", 3850: "SQLITE_IOERR_LOCK", 4106: "SQLITE_IOERR_CLOSE",
	4362: "SQLITE_IOERR_DIR_CLOSE", 4618: "SQLITE_IOERR_SHMOPEN", 4874: "SQLITE_IOERR_SHMSIZE",
	5130: "SQLITE_IOERR_SHMLOCK", 5386: "SQLITE_IOERR_SHMMAP", 5642: "SQLITE_IOERR_SEEK",
	5898: "SQLITE_IOERR_DELETE_NOENT", 6154: "SQLITE_IOERR_MMAP", 6410: "SQLITE_IOERR_GETTEMPPATH",
	6666: "SQLITE_IOERR_CONVPATH", 6922: "SQLITE_IOERR_VNODE", 7178: "SQLITE_IOERR_AUTH",
	7434: "SQLITE_IOERR_BEGIN_ATOMIC", 7690: "SQLITE_IOERR_COMMIT_ATOMIC", 7946: "SQLITE_IOERR_ROLLBACK_ATOMIC",
	8202: "SQLITE_IOERR_DATA", 8458: "SQLITE_IOERR_CORRUPTFS", 8714: "SQLITE_IOERR_IN_PAGE",
	8970: "SQLITE_IOERR_BADKEY", 9226: "SQLITE_IOERR_CODEC",
	267: "SQLITE_CORRUPT_VTAB", 523: "SQLITE_CORRUPT_SEQUENCE", 779: "SQLITE_CORRUPT_INDEX",
	270: "SQLITE_CANTOPEN_NOTEMPDIR", 526: "SQLITE_CANTOPEN_ISDIR", 782: "SQLITE_CANTOPEN_FULLPATH",
	1038: "SQLITE_CANTOPEN_CONVPATH", 1294: "SQLITE_CANTOPEN_DIRTYWAL", 1550: "SQLITE_CANTOPEN_SYMLINK",
	275: "SQLITE_CONSTRAINT_CHECK", 531: "SQLITE_CONSTRAINT_COMMITHOOK", 787: "SQLITE_CONSTRAINT_FOREIGNKEY",
	1043: "SQLITE_CONSTRAINT_FUNCTION", 1299: "SQLITE_CONSTRAINT_NOTNULL", 1555: "SQLITE_CONSTRAINT_PRIMARYKEY",
	1811: "SQLITE_CONSTRAINT_TRIGGER", 2067: "SQLITE_CONSTRAINT_UNIQUE", 2323: "SQLITE_CONSTRAINT_VTAB",
	2579: "SQLITE_CONSTRAINT_ROWID", 2835: "SQLITE_CONSTRAINT_PINNED", 3091: "SQLITE_CONSTRAINT_DATATYPE",
	279: "SQLITE_AUTH_USER",
	283: "SQLITE_NOTICE_RECOVER_WAL", 539: "SQLITE_NOTICE_RECOVER_ROLLBACK", 795: "SQLITE_NOTICE_RBU",
	284: "SQLITE_WARNING_AUTOINDEX",
}

// CodeName returns the name of a primary or extended result code, or
// "SQLITE_(n)" for a number that SQLite does not document.
func CodeName(code int) string {
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprintf("SQLITE_(%d)", code)
}

// Primary result codes that this package decides by.
const (
	codeOK       = 0
	codeError    = 1 // a statement that SQLite does not take
	codeBusy     = 5
	codeLocked   = 6
	codeCorrupt  = 11
	codeProtocol = 15
	codeMisuse   = 21
	codeNotADB   = 26
)

// refusal reports whether code means "not now": another connection holds the lock or
// has written past the snapshot, and the same attempt may succeed later. PROTOCOL is
// the WAL's way to say that it lost too many races for a lock
// (https://sqlite.org/rescode.html#protocol).
func refusal(code int) bool {
	primary := code & 0xff
	return primary == codeBusy || primary == codeLocked || primary == codeProtocol
}

// resultCode returns the extended result code that err carries. An error which
// SQLite has never seen, of database/sql or of this package, is MISUSE: ours.
func resultCode(err error) int {
	for _, d := range drivers {
		if code, ok := d.code(err); ok {
			return code
		}
	}
	return codeMisuse
}

// Explain returns what an error proves. Inside a transaction nothing has been
// committed, whatever failed. A write or a COMMIT that was refused had no effect
// either; one that failed otherwise may have failed after its commit.
//
// TimedOut follows from the time alone. Every busy policy sleeps busy_timeout in
// all before it gives up, so a refusal that came sooner never had its patience:
// SQLite does not call the handler where waiting could not help, as when a
// reader whose snapshot is stale wants to write
// (https://sqlite.org/c3ref/busy_handler.html). The price is that a statement
// which was refused at once, but on a processor so loaded that it took as long
// as busy_timeout, counts as timed out.
func (c *conn) Explain(op string, err error, waited time.Duration, committing bool) *store.Error {
	code := resultCode(err)
	refused := refusal(code)
	return &store.Error{
		Op:       op,
		Code:     CodeName(code & 0xff),
		Extended: CodeName(code),
		Refused:  refused,
		Waited:   waited,
		TimedOut: refused && c.patience > 0 && waited >= c.patience,
		Unsure:   committing && !refused,
		Err:      err,
	}
}
