// Package trace is what nodes tell of their attempts: when each began to wait
// for the write lock, when it had it, and when it was over. A node that is
// told to writes one line an attempt, as JSON; the recorder reads them when
// the nodes have ended and lays them beside what the clients saw.
//
// Clients know when they asked and when they were answered. Only the node
// knows how much of that was waiting for a lock and how much was holding it.
package trace

// What an attempt was at, the value of [Attempt.Kind].
const (
	Write    = "write"   // an attempt of the application that writes
	ReadOnly = "read"    // one that only reads: it never holds the write lock
	Hold     = "hold"    // the lab kept the lock on purpose
	Session  = "session" // one transaction of a lab session; a lone statement only where it wrote or was refused
)

// An Attempt is one try at the database. Times are nanoseconds since 1970 by
// the clock of the node's host. The lock was taken a moment before Locked and
// given back a moment before Ended, so two nodes that follow each other closely
// may seem to overlap by as long as a statement takes to return.
//
// Without a transaction (separate, atomic) each write takes the lock and gives
// it back by itself, so Locked is when the last of them was done and says
// nothing of how long it had the lock.
type Attempt struct {
	Node   string `json:"node"`
	Kind   string `json:"kind"`
	Began  int64  `json:"began"`            // it asked for its first lock
	Locked int64  `json:"locked,omitempty"` // it had the write lock; 0 where it never had
	Ended  int64  `json:"ended"`            // it had given back whatever it had
	Code   string `json:"code,omitempty"`   // the extended result code that ended it; empty where SQLite refused nothing
}
