package store

// Facts are what a database holds when nobody else has it open. They
// are evidence beside the ledger, not instead of it: integrity_check returns "ok"
// over lost rows.
type Facts struct {
	Counters  map[string]int64 `json:"counters"`         // every counter by key
	Stock     map[string]int64 `json:"stock"`            // how many of every item are left
	Balances  map[string]int64 `json:"balances"`         // the balance of every account
	Records   int64            `json:"records"`          // rows of table data
	Rows      []Row            `json:"rows"`             // every row of table data, by id
	Payments  int64            `json:"payments"`         // rows of the payment history
	Orders    []Order          `json:"orders,omitempty"` // every order, by id
	Integrity string           `json:"integrity"`        // PRAGMA integrity_check: "ok", or what it found
	Journal   Journal          `json:"journal"`          // the mode that the file is in
	Engine    string           `json:"engine"`           // "SQLite 3.54.1"

	// DefaultBusyTimeout is how long a connection of this driver waits for a
	// lock where nobody has set busy_timeout.
	DefaultBusyTimeout Milliseconds `json:"default_busy_timeout_ms"`
}

// An Order is one row of table orders.
type Order struct {
	ID        int64  `json:"id"`
	Item      string `json:"item"`
	Quantity  int64  `json:"quantity"`            // pieces
	Cancelled int64  `json:"cancelled,omitempty"` // 1 where it gave its pieces back
}

// A Row is one row of table data.
type Row struct {
	ID      int64  `json:"id"`
	Content string `json:"content"` // its first 64 bytes
}

// Stats are the source's figures about a database in use.
type Stats struct {
	Records  int64 // rows of table data
	Counters int64 // rows of table counters
}
