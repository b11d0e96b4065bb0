// Package nodeapi holds the words that node, balancer and clients say to each
// other over HTTP: paths, bodies, error codes and headers. It decides nothing.
//
// The contract is the source's, made exact. Success is 200. A refused lock is 503
// with CodeBusy or CodeTimeout, and a 4xx is the caller's mistake: after
// either, nothing has changed. After any other answer, or none, the caller
// does not know; see [Certain].
package nodeapi

import "net/http"

// Paths of a node. Behind the balancer, "/app-2" in front of one of them asks
// node app-2 for it.
const (
	PathIncrement = "/api/increment"
	PathWrite     = "/api/write"
	PathCounter   = "/api/counter"
	PathPurchase  = "/api/purchase"
	PathReserve   = "/api/reserve"
	PathCancel    = "/api/cancel"
	PathTransfer  = "/api/transfer"
	PathTotal     = "/api/total"
	PathHealth    = "/health"
	PathMetrics   = "/metrics"
	PathHold      = "/lab/hold"
	PathCrash     = "/lab/crash"
	PathReset     = "/lab/reset"
	PathSession   = "/lab/session"
	PathSettings  = "/lab/settings"
	PathFacts     = "/lab/facts" // what the database holds, while it is in use; ?rows=false leaves the rows out
	PathClose     = "/lab/close" // finish what has begun, refuse what comes, close the database
	PathOpen      = "/lab/open"  // open another database, or the node's own, under a discipline
)

// ClosedByLab is the error of GET /health while the lab has closed
// the node's database.
const ClosedByLab = "closed by the lab"

// Codes of an [Error] that are not SQLite's own result codes.
const (
	CodeBusy    = "SQLITE_BUSY"    // refused at once
	CodeTimeout = "SQLITE_TIMEOUT" // refused after the node had waited its whole busy_timeout

	CodeInvalidArgument  = "INVALID_ARGUMENT"       // 400: the body or query; Field names the culprit
	CodeNotFound         = "NOT_FOUND"              // 404
	CodeMethodNotAllowed = "METHOD_NOT_ALLOWED"     // 405, with Allow
	CodeConflict         = "CONFLICT"               // 409: sold out, short of funds, an order is cancelled already, a database is open already
	CodeTooLarge         = "BODY_TOO_LARGE"         // 413
	CodeMediaType        = "UNSUPPORTED_MEDIA_TYPE" // 415
	CodeMisdirected      = "MISDIRECTED"            // 421: the Host field names a host that the server does not answer to; see --allow-host
	CodeCrossOrigin      = "CROSS_ORIGIN"           // 403: a browser sent it for a page from elsewhere
	CodeLabOnly          = "LAB_ONLY"               // 403: /lab/… without --lab
	CodeInternal         = "INTERNAL"               // 500: a mistake in the node itself
	CodeCannotOpen       = "CANNOT_OPEN"            // 500: the lab's database could not be opened, and the node stays closed
	CodeOverloaded       = "OVERLOADED"             // 503: too many connections, requests in flight or bytes of them, this one was not begun
	CodeStopping         = "STOPPING"               // 503: the node is shutting down, this one was not begun
	CodeClosed           = "CLOSED"                 // 503: the lab has closed the node's database, this one was not begun
	CodeClientGone       = "CLIENT_GONE"            // 503: the client reset its connection, and this one was not begun
	CodeBalancerFull     = "BALANCER_FULL"          // 503: the balancer has no room for another connection or large body, and no node has seen the request
	CodeNoNode           = "NO_NODE"                // 503: the balancer reached no node, so none has seen the request
	CodeNodeLost         = "NODE_LOST"              // 502: the node was sent the request and went away before it answered
	CodeNodeTimeout      = "NODE_TIMEOUT"           // 504: the node was sent the request and did not answer in time
)

// Codes that a client gives to an op that got no answer.
const (
	CodeClientTimeout = "CLIENT_TIMEOUT"     // unknown: the client stopped waiting
	CodeConnLost      = "CONNECTION_LOST"    // unknown: the connection broke after the request was sent
	CodeConnRefused   = "CONNECTION_REFUSED" // failed: no connection, so nothing was sent
	CodeNoSocket      = "NO_SOCKET"          // failed: the client's own host had no descriptor, port or memory for a connection
	CodeBadAnswer     = "BAD_ANSWER"         // unknown: the answer was not HTTP or not the contract's JSON
)

// Unreached reports whether a request that ended with the code reached no node, so that its
// end says nothing of a database: what stands before the nodes, or the client itself, was
// at its limit, or no node was there.
func Unreached(code string) bool {
	switch code {
	case CodeNoNode, CodeBalancerFull, CodeConnRefused, CodeNoSocket:
		return true
	}
	return false
}

// HeaderAttempts holds how often the node tried the operation, its
// first try included. It is set on every answer to a request under /api/.
const HeaderAttempts = "Contend-Attempts"

// MaxBody is the longest body of a request, in bytes. A node and whatever stands before it
// answer a longer one with 413, CodeTooLarge and the words of TooLarge.
const (
	MaxBody  = 64 << 10
	TooLarge = "the body must be at most 64 KiB"
)

// MaxHead is the longest head of a request, in bytes; a longer one is answered 431.
const MaxHead = 8 << 10

// The bodies of requests. The tag want holds the bounds of a field: the bytes of
// a string, which is UTF-8 without NUL, or a number. A body has each field once.

// IncrementRequest asks for one to be added to the counter Key.
type IncrementRequest struct {
	Key string `json:"key" want:"1..256"`
}

// IncrementResponse holds the counter's new value.
type IncrementResponse struct {
	Success   bool   `json:"success"`
	Value     int64  `json:"value"`
	Container string `json:"container"`
}

// WriteRequest asks for one row holding Data.
type WriteRequest struct {
	Data string `json:"data" want:"1..32768"`
}

// WriteResponse holds the row's id and how long it took, in ms.
type WriteResponse struct {
	Success   bool    `json:"success"`
	ID        int64   `json:"id"`
	Duration  float64 `json:"duration"`
	Container string  `json:"container"`
}

// CounterResponse answers GET /api/counter?key=.
type CounterResponse struct {
	Key   string `json:"key"`
	Value int64  `json:"value"`
}

// PurchaseRequest asks for Quantity pieces of Item.
type PurchaseRequest struct {
	Item     string `json:"item" want:"1..256"`
	Quantity int64  `json:"quantity" want:"1..1000000000000"`
}

// PurchaseResponse holds the stock left.
type PurchaseResponse struct {
	Success   bool   `json:"success"`
	Item      string `json:"item"`
	Left      int64  `json:"left"`
	Container string `json:"container"`
}

// ReserveRequest asks for an order of Quantity pieces of Item.
type ReserveRequest struct {
	Item     string `json:"item" want:"1..256"`
	Quantity int64  `json:"quantity" want:"1..1000000000000"`
}

// CancelRequest asks for an order's pieces to be given back.
type CancelRequest struct {
	Order int64 `json:"order" want:"1..1000000000000000"`
}

// OrderResponse holds the id of the order that was made or cancelled.
type OrderResponse struct {
	Success   bool   `json:"success"`
	ID        int64  `json:"id"`
	Container string `json:"container"`
}

// TransferRequest asks for Amount to go from one account to another.
type TransferRequest struct {
	From   string `json:"from" want:"1..256"`
	To     string `json:"to" want:"1..256"`
	Amount int64  `json:"amount" want:"1..1000000000000"`
}

// TransferResponse acknowledges a transfer.
type TransferResponse struct {
	Success   bool   `json:"success"`
	From      string `json:"from"`
	To        string `json:"to"`
	Amount    int64  `json:"amount"`
	Container string `json:"container"`
}

// TotalResponse answers GET /api/total: the sum of all balances, read in one
// transaction, and how many accounts there are.
type TotalResponse struct {
	Total    int64 `json:"total"`
	Accounts int64 `json:"accounts"`
}

// HealthResponse answers GET /health of a node: "healthy" with 200 or
// "unhealthy" with 503, after a real query. The first three fields are the
// seed's; the others may be missing in the answer of another implementation.
type HealthResponse struct {
	Status    string `json:"status"`
	Container string `json:"container"`
	DBPath    string `json:"dbPath"`           // of the database that is or was open last
	SQLite    string `json:"sqlite"`           // version of the node's SQLite library: "3.54.1"; empty where it uses another engine
	Engine    string `json:"engine,omitempty"` // that one: "PostgreSQL 15.18"
	Lab       bool   `json:"lab"`              // the paths under /lab/ are open
	Error     string `json:"error,omitempty"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Error     string  `json:"error"`              // one sentence for people
	Code      string  `json:"code"`               // one of the codes above, a primary SQLite code, or another engine's condition
	Extended  string  `json:"extended,omitempty"` // SQLite's extended result code by name, or the SQLSTATE
	Field     string  `json:"field,omitempty"`    // the field at fault, with CodeInvalidArgument
	Container string  `json:"container,omitempty"`
	Duration  float64 `json:"duration"` // ms from the request's arrival
}

// Certain reports whether an answer with the given HTTP status proves that a
// write it refuses had no effect. It is true for 4xx and 503; an unexpected
// error (500) or a gateway's (502, 504) proves nothing.
func Certain(status int) bool {
	return status >= 400 && status < 500 || status == http.StatusServiceUnavailable
}

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
