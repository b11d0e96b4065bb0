package cli

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
)

// A checker is one way to judge a history.
type checker struct {
	name, short, long, example string
	judge                      func(name string, ops iter.Seq[history.Op]) judged
	amends                     amends // zero: it takes no --initial and --final
}

// judged is what a checker finds in one history.
type judged struct {
	verdict   check.Verdict
	reason    string
	document  any // for --json
	tables    []table
	witnesses []check.Witness
	note      string // a sentence behind the witnesses; may be empty
}

// checkers are what `contend check` knows.
var checkers = []checker{{
	name:  "counter",
	short: "Is every acknowledged increment in the final value?",
	long: `counter judges whether the final value of each counter includes every acknowledged
increment. An increment with an unknown outcome may be included or not; if that
decides, the verdict is inconclusive. Two increments that returned the same value
prove a lost update even without a final value.`,
	example: `  contend check counter runs/latest/recordings/*/history.jsonl
  contend check counter --initial hits=10 --final hits=97 mine.jsonl
  contend check counter --final 97 mine.jsonl      # the history has one counter only
  contend check counter --json mine.jsonl | jq '.histories[].counters[].lost'`,
	judge:  judgeCounters,
	amends: amends{history.Increment, "a counter", "counters"},
}, {
	name:  "set",
	short: "Does the row of every acknowledged write exist exactly once?",
	long: `set judges whether the row of every acknowledged write exists exactly once at the
end. The key of a write is a tag that no other write has. A final-row op records
that the row with its tag was found. A final-read of the key "data" ends the reading
and has the number of rows. The row of a write with an unknown outcome may exist or
not; the row of a failed write must not exist.`,
	example: `  contend check set runs/latest/recordings/*/history.jsonl
  contend check set --json mine.jsonl | jq '.histories[] | {acknowledged, lost, recovered}'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Set(ops)
		return judged{verdict: found.Verdict, reason: found.Reason, document: struct {
			History string `json:"history"`
			check.Rows
		}{name, found}, tables: []table{rowsTable(&found.RowCounts)}, witnesses: found.Witnesses}
	},
}, {
	name:  "stock",
	short: "Was no item oversold, and did every sale reduce the stock?",
	long: `stock judges two things: purchases took no more pieces of an item than its initial
stock had, and the final stock lacks every piece that was sold. A purchase with an unknown outcome may
have taken its pieces or not; if that decides, the verdict is inconclusive. If the
returned stocks show that two purchases took the same piece, they prove a lost update
even without a final stock.`,
	example: `  contend check stock runs/latest/recordings/*/history.jsonl
  contend check stock --initial lamp=50 --final lamp=0 mine.jsonl
  contend check stock --json mine.jsonl | jq '.histories[].items[] | {key, oversold, vanished}'`,
	judge:  judgeStocks,
	amends: amends{history.Purchase, "the stock of an item", "items"},
}, {
	name:  "orders",
	short: "Do stock and orders agree, and was no order cancelled twice?",
	long: `orders judges three things. For each item, the final stock plus the pieces of its
open orders must equal the initial stock. Every acknowledged reservation must have
its order, and every acknowledged cancel its mark. No order may be cancelled twice.
The final read of the key "orders" has the number of orders. A reservation or a
cancel with an unknown outcome may have been done, or half done; if that decides, the
verdict is inconclusive.`,
	example: `  contend check orders runs/latest/recordings/*/history.jsonl
  contend check orders --json mine.jsonl | jq '.histories[] | {reserved, lost, twice, items}'`,
	judge: judgeOrders,
}, {
	name:  "bank",
	short: "Was money conserved, and does every balance add up?",
	long: `bank judges three things. Every total, and the sum of the final balances, must equal
the sum of the initial balances. Every final balance must follow from the initial
balance, the acknowledged transfers, and some of the transfers with an unknown
outcome. No balance may end below zero that did not begin there. Every account needs
a reset and a final-read.`,
	example: `  contend check bank runs/latest/recordings/*/history.jsonl
  contend check bank --json mine.jsonl | jq '.histories[] | {initial, final, lowest, highest}'`,
	judge: judgeBank,
}, {
	name:  "durability",
	short: "Did every acknowledged write survive the crashes?",
	long: `durability judges what set judges, over a history in which nodes were killed. It
counts each lost write for the first crash after its acknowledgement. A crash op has
the node as its key; it was invoked at the kill and returned when the node served
again. A recovered op has the number of rows while no node ran: fewer rows than
acknowledged writes are a loss, even if the rows exist at the end. Without a crash
the verdict is inconclusive.`,
	example: `  contend check durability runs/latest/recordings/*/history.jsonl
  contend check durability --json mine.jsonl | jq '.histories[].crashes'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Durability(ops)
		crashes := table{header: "crash\tkilled at ms\tserving at ms\tlost"}
		for _, c := range found.Crashes {
			crashes.add(printable(c.Node), ms(c.Killed), ms(c.Serving), c.Lost)
		}
		return judged{verdict: found.Verdict, reason: found.Reason, document: struct {
			History string `json:"history"`
			check.Survival
		}{name, found}, tables: []table{rowsTable(&found.RowCounts), crashes}, witnesses: found.Witnesses}
	},
}}

// byVerdict orders what is refuted first, then what is inconclusive.
func byVerdict[T any](all []T, verdict func(*T) check.Verdict) []T {
	severity := map[check.Verdict]int{check.Refuted: 0, check.Inconclusive: 1, check.Holds: 2}
	return slices.SortedStableFunc(slices.Values(all), func(a, b T) int {
		return cmp.Compare(severity[verdict(&a)], severity[verdict(&b)])
	})
}

func judgeCounters(name string, ops iter.Seq[history.Op]) judged {
	found := check.Counter(ops)
	j := judged{verdict: found.Verdict, reason: found.Reason, document: struct {
		History string `json:"history"`
		check.Counters
	}{name, found}}
	tallies := table{header: "counter\tacknowledged\tfailed\tunknown\tbegan at\tfinal\tlost\tverdict"}
	var duplicates int64
	for _, t := range byVerdict(found.Counters, func(t *check.Tally) check.Verdict { return t.Verdict }) {
		began := strconv.FormatInt(t.Initial, 10)
		if !t.InitialKnown {
			began += "?"
		}
		tallies.add(printable(t.Key), t.Acknowledged, t.Failed, t.Unknown, began, t.Final, t.Lost, t.Verdict)
		j.witnesses = append(j.witnesses, t.Witnesses...)
		duplicates += t.Duplicates
	}
	j.tables = []table{tallies}
	if len(j.witnesses) > 0 && duplicates > 0 {
		j.note = fmt.Sprintf("Acknowledged increments that returned the same value as another one: %d", duplicates)
	}
	return j
}

func judgeStocks(name string, ops iter.Seq[history.Op]) judged {
	found := check.Stock(ops)
	j := judged{verdict: found.Verdict, reason: found.Reason, document: struct {
		History string `json:"history"`
		check.Stocks
	}{name, found}}
	items := table{header: "item\tacknowledged\trefused\tunknown\tinitial\tsold\tleft\toversold\tvanished\tverdict"}
	for _, i := range byVerdict(found.Items, func(i *check.Item) check.Verdict { return i.Verdict }) {
		items.add(printable(i.Key), i.Acknowledged, i.Refused, i.Unknown, i.Initial, i.Sold, i.Left, i.Oversold, i.Vanished, i.Verdict)
		j.witnesses = append(j.witnesses, i.Witnesses...)
	}
	j.tables = []table{items}
	return j
}

func judgeOrders(name string, ops iter.Seq[history.Op]) judged {
	found := check.Order(ops)
	orders := table{header: "reserved\tcancelled\trefused\tunknown\torders\tlost\ttwice\tunexpected"}
	orders.add(found.Reserved, found.Cancelled, found.Refused, found.UnknownReserve+found.UnknownCancel, found.Found, found.Lost, found.Twice, found.Stray)
	items := table{header: "item\tinitial\tleft\tordered\toff"}
	for _, i := range found.Items {
		items.add(printable(i.Key), i.Initial, i.Left, i.Open, i.Off)
	}
	return judged{verdict: found.Verdict, reason: found.Reason, document: struct {
		History string `json:"history"`
		check.Orders
	}{name, found}, tables: []table{orders, items}, witnesses: found.Witnesses}
}

func judgeBank(name string, ops iter.Seq[history.Op]) judged {
	found := check.Bank(ops)
	totals := table{header: "acknowledged\tfailed\tunknown\tinitial\tfinal\ttotals\twrong\tlowest\thighest"}
	totals.add(found.Acknowledged, found.Failed, found.Unknown,
		found.Initial, found.Final, found.Totals, found.Wrong, found.Lowest, found.Highest)
	accounts := table{header: "account\tinitial\treceived\tsent\texpected\tfinal\toff"}
	for _, a := range found.Accounts {
		expected := "?"
		if a.Initial.Valid {
			expected = a.Expected.String()
		}
		accounts.add(printable(a.Key), a.Initial, a.Received, a.Sent, expected, a.Final, a.Off)
	}
	return judged{verdict: found.Verdict, reason: found.Reason, document: struct {
		History string `json:"history"`
		check.Balances
	}{name, found}, tables: []table{totals, accounts}, witnesses: found.Witnesses}
}

func rowsTable(n *check.RowCounts) table {
	rows := table{header: "acknowledged\tfailed\tunknown\trows\tpresent\tlost\trecovered\tresurrected\tduplicated\tunexpected"}
	rows.add(n.Acknowledged, n.Failed, n.Unknown,
		n.Found, n.Present, n.Lost, n.Recovered, n.Resurrected, n.Duplicated, n.Unexpected)
	return rows
}

// print writes the verdict, the figures and the witnesses for people.
func (j *judged) print(w io.Writer) {
	const maxWitnesses = 5
	fmt.Fprintf(w, "%s: %s\n", j.verdict, j.reason)
	for i := range j.tables {
		j.tables[i].print(w)
	}
	for _, witness := range j.witnesses[:min(len(j.witnesses), maxWitnesses)] {
		fmt.Fprintf(w, "\n%s: %s\n", witness.Anomaly, witness.Reason)
		columns := newColumns(w)
		for i := range witness.Ops {
			op := &witness.Ops[i]
			fmt.Fprintf(columns, "  op %d\t%s\t%s\t%s to %s ms\t%s\n",
				op.Index, op.Func, printable(op.Node), ms(op.Invoked), ms(op.Returned), effect(op))
		}
		_ = columns.Flush()
	}
	if more := len(j.witnesses) - maxWitnesses; more > 0 {
		fmt.Fprintf(w, "\n… and %d more witnesses; --json has them\n", more)
	}
	if j.note != "" {
		fmt.Fprintf(w, "\n%s\n", j.note)
	}
}

// effect is what op did and returned, as far as the reason does not say it.
func effect(op *history.Op) string {
	answer := "no value"
	switch {
	case op.Value.Valid:
		answer = "value " + known(op.Value)
	case op.Outcome != history.OK:
		answer = op.Outcome.String()
	}
	switch op.Func {
	case history.Purchase:
		return fmt.Sprintf("takes %d, %s", op.Amount, answer)
	case history.Crash:
		return printable(op.Key)
	default:
		return answer
	}
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}
