package store

// A Session is one connection that the lab keeps open between requests, in
// whatever transaction was begun on it. Calls of its Tx are part of that
// transaction, or each a transaction of its own where none is open.
//
// An error of the database comes as an *Error. Unlike an attempt's, a refusal
// here rolls nothing back: the statement had no effect, and the transaction
// mostly stays open.
type Session interface {
	Tx
	// Begin begins a transaction: Deferred, Immediate or Exclusive.
	Begin(style Transaction) error
	// Commit commits the open transaction. Where it is refused, the
	// transaction stays open and Commit may be called again.
	Commit() error
	// Rollback ends the open transaction with nothing changed.
	Rollback() error

	// Payments returns how many rows the payment history has.
	Payments() (int64, error)
	// Rows returns how many rows table data has.
	Rows() (int64, error)
	// WriteRows adds n rows of 2 KiB to table data in a single statement.
	WriteRows(n int64) error
	// Checkpoint asks for a checkpoint of the WAL.
	Checkpoint(mode CheckpointMode) (Checkpoint, error)
	// WALSize returns the size of the WAL file in bytes, 0 where there is none.
	WALSize() (int64, error)
}

// A CheckpointMode is how hard a checkpoint tries
// (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
type CheckpointMode string

// The modes, least insistent first.
const (
	CheckpointPassive  CheckpointMode = "PASSIVE"  // as much as can be done without waiting
	CheckpointFull     CheckpointMode = "FULL"     // waits for writers, and for readers of old snapshots
	CheckpointRestart  CheckpointMode = "RESTART"  // waits for all readers too, so that the next writer starts the WAL again
	CheckpointTruncate CheckpointMode = "TRUNCATE" // and makes the file empty
)

// CheckpointModes lists every mode.
var CheckpointModes = []CheckpointMode{CheckpointPassive, CheckpointFull, CheckpointRestart, CheckpointTruncate}

// A Checkpoint is what came of one. Frames and Moved are -1 where the file is
// not in WAL mode.
type Checkpoint struct {
	Blocked bool  // someone kept it from doing all it was asked to
	Frames  int64 // in the WAL
	Moved   int64 // of these, in the database by now
}
