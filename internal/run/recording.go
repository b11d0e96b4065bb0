package run

import (
	"slices"
	"strings"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
	"example.com/contend/internal/locktrace"
	"example.com/contend/internal/nodeapi"
	"example.com/contend/internal/store"
)

// A Recording is what happened when a [Setup] was run: all that a claim may
// look at. It is stored in Dir, so that it can be judged again.
type Recording struct {
	Setup    Setup               `json:"setup"`
	Repeat   int                 `json:"repeat"`            // from 1
	Place    string              `json:"place"`             // where it was made, by name
	Engines  []Engine            `json:"engines"`           // that the nodes run on, each once
	Dir      string              `json:"-"`                 // relative to the run's directory; holds the recording's files, the database and the logs
	Started  time.Time           `json:"started"`           // when the load's or the scene's clock began; ops and steps count from here
	Ops      []history.Op        `json:"-"`                 // by Invoked, the recorder's own around the clients'; stored as a history
	Steps    []StepEvent         `json:"steps,omitempty"`   // of a scene, in order
	Faults   []FaultEvent        `json:"faults,omitempty"`  // in the order in which they ended
	Attempts []locktrace.Attempt `json:"-"`                 // of traced nodes, by Began; stored as traces
	Unsent   int                 `json:"unsent"`            // ops that were planned and not sent, because the run was cut short
	Dropped  int                 `json:"dropped"`           // open loop: arrivals that no client was free for
	Seconds  float64             `json:"seconds"`           // from the first op to the last answer
	Facts    *Facts              `json:"facts"`             // of the database afterwards; nil where it could not be read
	Views    []store.Facts       `json:"views,omitempty"`   // each node's own database, where they may differ; in order
	CPU      *time.Duration      `json:"cpu_ns"`            // of the nodes and the database server during the load; nil where it is not known
	Others   *float64            `json:"others,omitempty"`  // the share, 0 to 1, of the machine's processor time that other programs took from its start to its end; nil where it is not known
	Syncs    *int64              `json:"syncs,omitempty"`   // fsync and fdatasync calls of the nodes and the database server during the load; nil where they were not counted
	SyncTime *time.Duration      `json:"sync_ns,omitempty"` // of one fsync where the database is, measured at the run's start; nil where it is not known
	Err      string              `json:"error,omitempty"`   // why it could not be run to its end; the rest is what there is
}

// An Engine is a database engine and its version.
type Engine struct {
	Name    string `json:"name"`    // "SQLite", "PostgreSQL"
	Version string `json:"version"` // "3.54.1"
}

// SQLite is the name of SQLite's engine.
const SQLite = "SQLite"

// String returns "SQLite 3.54.1".
func (e Engine) String() string { return strings.TrimSpace(e.Name + " " + e.Version) }

// Facts are what a database says of itself beside its rows. The rows are in the
// history, as final reads.
type Facts struct {
	Records   int64         `json:"records"`   // rows of table data
	Payments  int64         `json:"payments"`  // rows of the payment history
	Integrity string        `json:"integrity"` // PRAGMA integrity_check: "ok", or what it found
	Journal   store.Journal `json:"journal"`   // the mode that the file is in
	Engine    string        `json:"engine"`    // "SQLite 3.54.1"

	// DefaultBusyTimeout is how long a connection of this driver waits for a
	// lock where nobody has set busy_timeout.
	DefaultBusyTimeout store.Milliseconds `json:"default_busy_timeout_ms"`
}

// Told reports whether anything was asked of the nodes at all.
func (r *Recording) Told() bool {
	return len(r.Steps) > 0 || slices.ContainsFunc(r.Ops, func(op history.Op) bool { return op.Process >= 0 })
}

// clientOps yields the ops that clients made, without the recorder's own.
func (r *Recording) clientOps(yield func(*history.Op) bool) {
	for i := range r.Ops {
		if r.Ops[i].Process >= 0 && !yield(&r.Ops[i]) {
			return
		}
	}
}

// ClientOps returns the ops that clients made, without the recorder's own.
func (r *Recording) ClientOps() []history.Op {
	var ops []history.Op
	for op := range r.clientOps {
		ops = append(ops, *op)
	}
	return ops
}

// Counts counts the clients' ops by outcome.
func (r *Recording) Counts() OpCounts {
	var n OpCounts
	for op := range r.clientOps {
		n.Total++
		switch op.Outcome {
		case history.OK:
			n.OK++
		case history.Failed:
			n.Failed++
			if nodeapi.Unreached(op.Code) {
				n.Unreached++
			}
		default:
			n.Unknown++
		}
	}
	return n
}

// ReachedOps returns the clients' ops that reached a node, as far as is known. The waits of the others
// are no wait for a database.
func (r *Recording) ReachedOps() []history.Op {
	return slices.DeleteFunc(r.ClientOps(), func(op history.Op) bool { return nodeapi.Unreached(op.Code) })
}

// undecided is how many ops could have ended in any way at a database: those whose
// outcome is unknown, those that were never sent, and those that reached no node.
func (r *Recording) undecided() int64 {
	n := r.Counts()
	return int64(n.Unknown + n.Unreached + r.Unsent)
}

// Succeeded is how many of the planned ops take effect if all reach a node, as far as is known.
func (r *Recording) Succeeded() check.Range {
	ok := int64(r.Counts().OK)
	return check.Range{Min: ok, Max: ok + r.undecided()}
}

// RefusedAtOnce is how many of the planned ops were refused with SQLITE_BUSY:
// without a wait, or long before the node's busy_timeout was over.
func (r *Recording) RefusedAtOnce() check.Range {
	var busy int64
	for op := range r.clientOps {
		if op.Code == nodeapi.CodeBusy {
			busy++
		}
	}
	return check.Range{Min: busy, Max: busy + r.undecided()}
}

// Codes counts the clients' ops that were not ok, by code and by SQLite's
// extended code, and the attempts that the nodes made for all of them.
func (r *Recording) Codes() (codes, extended map[string]int, attempts int) {
	codes, extended = map[string]int{}, map[string]int{}
	for op := range r.clientOps {
		attempts += op.Attempts
		if op.Code != "" {
			codes[op.Code]++
		}
		if op.Extended != "" {
			extended[op.Extended]++
		}
	}
	return codes, extended, attempts
}

// Counters judges the increments of the recording.
func (r *Recording) Counters() check.Counters { return check.Counter(slices.Values(r.Ops)) }

// Rows judges the rows that the recording's clients wrote.
func (r *Recording) Rows() check.Rows { return check.Set(slices.Values(r.Ops)) }

// Durability judges whether those rows outlived the recording's crashes.
func (r *Recording) Durability() check.Survival { return check.Durability(slices.Values(r.Ops)) }

// Stock judges the purchases of the recording.
func (r *Recording) Stock() check.Stocks { return check.Stock(slices.Values(r.Ops)) }

// Orders judges the reservations and cancels of the recording.
func (r *Recording) Orders() check.Orders { return check.Order(slices.Values(r.Ops)) }

// Bank judges the transfers of the recording.
func (r *Recording) Bank() check.Balances { return check.Bank(slices.Values(r.Ops)) }

// FinalRead returns the value that the recorder read after the load from the counter,
// item or account key; ok is false where it read none.
func (r *Recording) FinalRead(key string) (value int64, ok bool) {
	for i := range r.Ops {
		if op := &r.Ops[i]; op.Func == history.FinalRead && op.Key == key {
			return op.Value.Int64, op.Value.Valid
		}
	}
	return 0, false
}

// FoundRows reports whether the recorder found any row after the load. In a damaged
// file that proves nothing where it did not.
func (r *Recording) FoundRows() bool {
	return slices.ContainsFunc(r.Ops, func(op history.Op) bool { return op.Func == history.FinalRow })
}

// Final is how far the counters have come from where they began. Where the database
// could not be read it lies anywhere between nothing and all that was planned.
func (r *Recording) Final() check.Range {
	planned := int64(r.Counts().Total + r.Unsent)
	if r.Facts == nil {
		return check.Range{Max: planned}
	}
	counter := map[string]bool{}
	for op := range r.clientOps {
		if op.Func == history.Increment {
			counter[op.Key] = true
		}
	}
	var sum int64
	for i := range r.Ops {
		switch op := &r.Ops[i]; {
		case !counter[op.Key]:
		case op.Func == history.FinalRead:
			sum += op.Value.Int64
		case op.Func == history.Reset:
			sum -= op.Value.Int64
		}
	}
	return check.Range{Min: sum, Max: sum + int64(r.Unsent)}
}

// Lost is how many acknowledged increments are not in the final value.
func (r *Recording) Lost() check.Range {
	var lost check.Range
	for _, tally := range r.Counters().Counters {
		lost.Min += tally.Lost.Min
		lost.Max += tally.Lost.Max
	}
	return lost
}

// LostWitnesses are the fewest ops that prove a loss, a few of them.
func (r *Recording) LostWitnesses() []check.Witness {
	var witnesses []check.Witness
	for _, tally := range r.Counters().Counters {
		witnesses = append(witnesses, tally.Witnesses...)
	}
	return witnesses
}

// An Account sets what was acknowledged against what the database holds.
type Account struct {
	Final int64       // the sum of the counters, the rows, or the pieces that have left the stock
	Lost  check.Range // acknowledged, and not in it
}

// Account returns the account of what clients changed: of increments, of rows
// or of purchases. It is not known where the database could not be read, nor
// for transfers, which end in no single number. A damaged file may have rows
// that could not be read: where it shows none at all, nothing is known of them.
func (r *Recording) Account() (a Account, known bool) {
	if r.Facts == nil {
		return a, false
	}
	damaged := r.Facts.Integrity != "" && r.Facts.Integrity != "ok"
	switch r.changed() {
	case history.Increment:
		return Account{r.Final().Min, r.Lost()}, true
	case history.Write:
		rows := r.Rows()
		return Account{rows.Found.Int64, rows.Lost}, rows.Found.Valid && !(damaged && !r.FoundRows())
	case history.Purchase:
		for _, item := range r.Stock().Items {
			if item.Left.Valid {
				return Account{item.Initial.Int64 - item.Left.Int64, item.Vanished}, true
			}
		}
	}
	return a, false
}

// Deficit is how many acknowledged changes are not in the database. It is that
// of [Recording.Account] and, for transfers of 1, how far all balances together
// are from what the acknowledged ones make of them.
func (r *Recording) Deficit() (lost check.Range, known bool) {
	if r.changed() != history.Transfer {
		a, known := r.Account()
		return a.Lost, known
	}
	if r.Facts == nil {
		return lost, false
	}
	bank := r.Bank()
	for _, account := range bank.Accounts {
		lost.Min += max(account.Off, -account.Off)
	}
	lost.Max = lost.Min + 2*bank.Unknown // each may hide two
	return lost, bank.Final.Valid
}

// changed returns the function of the ops that change something; of a mix, the
// first that a client used. It is empty where none was.
func (r *Recording) changed() string {
	for op := range r.clientOps {
		switch op.Func {
		case history.Increment, history.Write, history.Purchase, history.Transfer:
			return op.Func
		}
	}
	return ""
}
