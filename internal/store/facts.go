package store

// Facts are what a database says of itself when nobody else has it open. They
// are evidence beside the ledger, not instead of it: integrity_check says "ok"
// over lost rows.
type Facts struct {
	Counters  map[string]int64 `json:"counters"`  // every counter by key
	Stock     map[string]int64 `json:"stock"`     // how many of every item are left
	Balances  map[string]int64 `json:"balances"`  // the balance of every account
	Records   int64            `json:"records"`   // rows of table data
	Payments  int64            `json:"payments"`  // rows of the payment history
	Integrity string           `json:"integrity"` // PRAGMA integrity_check: "ok", or what it found
	Journal   Journal          `json:"journal"`   // the mode that the file is in
	Engine    string           `json:"engine"`    // "SQLite 3.54.1"
}

// Stats are the seed's figures about a database in use.
type Stats struct {
	Records  int64 // rows of table data
	Counters int64 // rows of table counters
}
