package check

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"example.com/contend/history"
)

// Balances is the judgement of [Bank] on a history. Counts are of transfers.
type Balances struct {
	Verdict      Verdict `json:"verdict"`
	Reason       string  `json:"reason"` // one sentence, for people
	Acknowledged int64   `json:"acknowledged"`
	Failed       int64   `json:"failed"`
	Unknown      int64   `json:"unknown"`

	Initial history.Value `json:"initial"` // all balances at first; null where some are not known
	Final   history.Value `json:"final"`   // all balances in the end; null where some are not known

	Totals  int64         `json:"totals"`  // reads of all balances in one transaction
	Wrong   int64         `json:"wrong"`   // of these, those that did not find Initial; 0 where that is not known
	Lowest  history.Value `json:"lowest"`  // the least that one of them found; null where there is none
	Highest history.Value `json:"highest"` // the most

	Accounts  []Account `json:"accounts"`  // sorted by key
	Witnesses []Witness `json:"witnesses"` // a few of each anomaly
}

// An Account is what a history says of one account.
type Account struct {
	Key       string        `json:"key"`
	Initial   history.Value `json:"initial"`   // null where no reset says so
	Final     history.Value `json:"final"`     // null where there is no final read to trust
	Received  int64         `json:"received"`  // by acknowledged transfers
	Sent      int64         `json:"sent"`      // by acknowledged transfers
	Expected  Range         `json:"expected"`  // what the final balance can be; 0 where Initial is not known
	Off       int64         `json:"off"`       // how far Final is above Expected or, negative, below it
	Overdrawn bool          `json:"overdrawn"` // Final is below zero, and Initial is not
}

// Bank judges whether money was conserved, and whether every final balance is
// what the transfers make of the initial one. It reads transfers, reads of all
// balances in one transaction (totals), resets and final reads, and passes over
// all other ops. Every account is to be reset before the transfers and read
// after them; the key "data" is never an account.
//
//   - A transfer moves money and makes none, whether it took effect or not. So
//     every total, and all final balances together, must be what all initial
//     balances are together. Where these are not known, totals that differ from
//     each other refute the claim too.
//   - The final balance of an account is the initial one, and what acknowledged
//     transfers brought, less what they took. An unknown transfer may have
//     changed both of its accounts, or neither: this gives [Account.Expected].
//   - No balance ends below zero that did not begin there.
//
// Where balances differ from what the acknowledged transfers make of them,
// Bank looks for a choice of unknown transfers that explains all of them at
// once. If there is none the claim is refuted; if there are too many to try it
// is left open. An acknowledged transfer that was lost whole can hide behind an
// unknown one of the same accounts and amount.
//
// The verdict is inconclusive also where no transfer was acknowledged, where an
// initial or final balance is missing or in doubt, and where a transfer has no
// second account or no amount above zero.
func Bank(ops iter.Seq[history.Op]) Balances {
	b := bank{accounts: map[string]*account{}, others: map[string]bool{}}
	for op := range ops {
		b.add(&op)
	}
	return b.judge()
}

// A bank gathers the ops of all accounts as they come by.
type bank struct {
	accounts               map[string]*account
	others                 map[string]bool // keys of counters and items, which are reset and read as accounts are
	acked, failed, unknown int64
	open                   []move // by unknown transfers
	totals                 totals
	lastReset              time.Duration // when it returned
	spoilt                 string        // why nothing can be said
}

// An account gathers what happens to it.
type account struct {
	frame
	key             string
	in, out         sum   // by acknowledged transfers
	mayIn, mayOut   sum   // by unknown ones
	residual        int64 // final balance, less what acknowledged transfers make of the initial one
	roomIn, roomOut int64 // of unknown transfers that were not tried yet
}

// A move is an unknown transfer.
type move struct {
	from, to *account
	amount   int64
}

// Totals are the reads of all balances.
type totals struct {
	n, wrong               int64
	expected               history.Value // what the resets before them add up to
	lowest, highest, first history.Op    // first: of the wrong ones
}

func (b *bank) add(op *history.Op) {
	switch op.Func {
	case history.Transfer:
		b.addTransfer(op)
	case history.Total:
		b.addTotal(op)
	case history.Reset:
		b.account(op.Key).addReset(op)
		b.lastReset = max(b.lastReset, op.Returned)
		if b.totals.n > 0 && op.Outcome != history.Failed {
			b.spoil("balances were reset after they had been added up")
		}
	case history.FinalRead:
		if op.Key != rowsKey {
			b.account(op.Key).addFinal(op)
		}
	case history.Increment, history.Read, history.Purchase:
		b.others[op.Key] = true
	}
}

func (b *bank) account(key string) *account {
	a := b.accounts[key]
	if a == nil {
		a = &account{key: key, frame: frame{ops: noun{"a transfer", "transfers"}}}
		b.accounts[key] = a
	}
	return a
}

func (b *bank) addTransfer(op *history.Op) {
	if op.Outcome == history.Failed {
		b.failed++
		return
	}
	if op.To == "" || op.Amount <= 0 {
		b.spoil(fmt.Sprintf("a transfer was of %d from %q to %q", op.Amount, op.Key, op.To))
	}
	from, to := b.account(op.Key), b.account(op.To)
	from.begin(op)
	to.begin(op)
	if op.Outcome != history.OK {
		b.unknown++
		from.mayOut.add(op.Amount)
		to.mayIn.add(op.Amount)
		b.open = append(b.open, move{from, to, op.Amount})
		return
	}
	b.acked++
	from.acknowledge(op)
	to.acknowledge(op)
	from.out.add(op.Amount)
	to.in.add(op.Amount)
}

func (b *bank) addTotal(op *history.Op) {
	if op.Outcome != history.OK || !op.Value.Valid {
		return
	}
	t, found := &b.totals, op.Value.Int64
	if t.n == 0 {
		t.lowest, t.highest = *op, *op
		t.expected, _ = b.together((*frame).began)
	}
	if t.n++; found < t.lowest.Value.Int64 {
		t.lowest = *op
	}
	if found > t.highest.Value.Int64 {
		t.highest = *op
	}
	if found != t.expected.Int64 {
		if t.wrong++; t.wrong == 1 {
			t.first = *op
		}
	}
	if op.Invoked < b.lastReset {
		b.spoil("balances were added up before the last reset had returned")
	}
}

// together adds up one value of each account, and names the first, by key,
// that has none; then there is no sum.
func (b *bank) together(of func(*frame) history.Value) (total history.Value, missing *account) {
	var s sum
	for _, key := range slices.Sorted(maps.Keys(b.accounts)) {
		value := of(&b.accounts[key].frame)
		if !value.Valid {
			return history.Value{}, b.accounts[key]
		}
		s.add(value.Int64)
	}
	if s.over {
		return history.Value{}, nil
	}
	return history.Some(s.n), nil
}

// spoil keeps the first reason.
func (b *bank) spoil(reason string) {
	if b.spoilt == "" {
		b.spoilt = reason
	}
}
