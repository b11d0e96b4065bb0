package nodeapi

// What a lab session can do, the values of [SessionRequest.Do]. No
// text of a request reaches SQL: each names a statement that the node has.
const (
	DoOpen           = "open" // nothing but open the session
	DoBeginDeferred  = "begin-deferred"
	DoBeginImmediate = "begin-immediate"
	DoBeginExclusive = "begin-exclusive"
	DoCommit         = "commit"
	DoRollback       = "rollback"
	DoReadCounter    = "read-counter" // of Name
	DoSetCounter     = "set-counter"  // of Name to Value
	DoReadStock      = "read-stock"   // of Name
	DoSetStock       = "set-stock"    // of Name to Value
	DoReadBalance    = "read-balance" // of Name
	DoSetBalance     = "set-balance"  // of Name to Value
	DoCountPayments  = "count-payments"
	DoRecordPayment  = "record-payment" // Value from Name to To
	DoCountRows      = "count-rows"
	DoWriteRows      = "write-rows" // Value rows of 2 KiB, in one statement; 1 to 10,000
	DoCheckpoint     = "checkpoint" // Name is PASSIVE, FULL, RESTART or TRUNCATE; Value of them in a row, 0 means 1
	DoWALSize        = "wal-size"   // Value is the size of the WAL file, in bytes, 0 where there is none
	DoClose          = "close"      // the session ends; an open transaction is rolled back
)

// A SessionRequest is the next step of a session. A session is one connection
// to the database that stays open between requests, with the transaction that
// was begun on it. The first request that names a session opens it, with the
// node's own settings. A session does one thing at a time: a request for one
// that is busy waits for its turn. A node has up to 16 sessions at once and
// answers [CodeOverloaded] to a request for one more.
type SessionRequest struct {
	Session string `json:"session" want:"1..256"`
	Do      string `json:"do" want:"1..256"`
	Name    string `json:"name,omitempty"`
	To      string `json:"to,omitempty"`
	Value   int64  `json:"value,omitempty"`
}

// A SessionResponse is the answer to one: with 200 where it was done, and with
// the status, code and words of an [Error] where the database had something
// against it. That is 503 where a lock or a snapshot was refused, and 409 where
// the statement has no place in the session's state, as a commit where no
// transaction is open; after both, the statement had no effect. A request that
// never came to the database is answered with an [Error] alone.
type SessionResponse struct {
	Success   bool    `json:"success"`
	Container string  `json:"container"`
	Value     *int64  `json:"value,omitempty"` // what was read, set, counted or measured; missing where there is nothing to tell
	Open      bool    `json:"open"`            // a transaction is open on the session now (sqlite3_get_autocommit is 0)
	Waited    float64 `json:"waited_ms"`       // how long the statement took, a wait for locks included

	// The three figures of PRAGMA wal_checkpoint
	// (https://sqlite.org/pragma.html#pragma_wal_checkpoint), of DoCheckpoint
	// only; of several in a row, those of the last. Where the file is not in WAL
	// mode, the numbers are -1.
	Blocked      *bool  `json:"blocked,omitempty"`      // it could not do all of its work
	Frames       *int64 `json:"frames,omitempty"`       // in the WAL
	Checkpointed *int64 `json:"checkpointed,omitempty"` // of these, moved into the database

	Error    string `json:"error,omitempty"`
	Code     string `json:"code,omitempty"`
	Extended string `json:"extended,omitempty"`
}
