package cli

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"example.com/contend/check"
	"example.com/contend/history"
)

var counterChecker = checker{
	name:  "counter",
	short: "Is every acknowledged increment in the final value?",
	long: `counter judges whether every acknowledged increment is in the final value of its
counter. Increments that ended unknown may be in it or not: where that decides,
the verdict is inconclusive. Two increments that were told the same value prove
a loss even without a final value.`,
	example: `  contend check counter runs/latest/recordings/*/history.jsonl
  contend check counter --initial hits=10 --final hits=97 mine.jsonl
  contend check counter --final 97 mine.jsonl      # the history has one counter only
  contend check counter --json mine.jsonl | jq '.histories[].counters[].lost'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Counter(ops)
		return judged{
			verdict: found.Verdict,
			document: struct {
				History string `json:"history"`
				check.Counters
			}{name, found},
			text: func(w io.Writer) { countersText(w, found) },
		}
	},
}

// What countersText shows at most; --json has all.
const (
	maxRows      = 20
	maxWitnesses = 5
)

// countersText prints the verdict, the figures of each counter, and the
// witnesses; what is refuted comes first.
func countersText(w io.Writer, found check.Counters) {
	fmt.Fprintf(w, "%s: %s\n", found.Verdict, found.Reason)
	if len(found.Counters) == 0 {
		return
	}
	tallies := slices.Clone(found.Counters)
	slices.SortStableFunc(tallies, func(a, b check.Tally) int { return severity(b.Verdict) - severity(a.Verdict) })
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "counter\tacknowledged\tfailed\tunknown\tbegan at\tfinal\tlost\tverdict")
	for _, t := range tallies[:min(len(tallies), maxRows)] {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n",
			printable(t.Key), t.Acknowledged, t.Failed, t.Unknown, beganAt(t), finalValue(t), t.Lost, t.Verdict)
	}
	_ = table.Flush()
	if more := len(tallies) - maxRows; more > 0 {
		fmt.Fprintf(w, "… and %d more; --json has all\n", more)
	}
	witnessesText(w, tallies)
}

func severity(v check.Verdict) int {
	return slices.Index([]check.Verdict{check.Holds, check.Inconclusive, check.Refuted}, v)
}

func beganAt(t check.Tally) string {
	if t.InitialKnown {
		return strconv.FormatInt(t.Initial, 10)
	}
	return strconv.FormatInt(t.Initial, 10) + "?"
}

func finalValue(t check.Tally) string {
	if t.Final.Valid {
		return strconv.FormatInt(t.Final.Int64, 10)
	}
	return "?"
}

// printable keeps a key from breaking the table or the terminal.
func printable(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` || s == "" {
		return quoted
	}
	return s
}

func witnessesText(w io.Writer, tallies []check.Tally) {
	var all []check.Witness
	var duplicates int64
	for _, t := range tallies {
		all = append(all, t.Witnesses...)
		duplicates += t.Duplicates
	}
	for _, witness := range all[:min(len(all), maxWitnesses)] {
		fmt.Fprintf(w, "\n%s: %s\n", witness.Anomaly, witness.Reason)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, op := range witness.Ops {
			fmt.Fprintf(table, "  op %d\t%s\t%s\t%s to %s ms\tvalue %d\n",
				op.Index, op.Func, printable(op.Node), ms(op.Invoked), ms(op.Returned), op.Value.Int64)
		}
		_ = table.Flush()
	}
	if more := len(all) - maxWitnesses; more > 0 {
		fmt.Fprintf(w, "\n… and %d more witnesses; --json has them\n", more)
	}
	if len(all) > 0 && duplicates > 0 {
		fmt.Fprintf(w, "\nAcknowledged increments that were told a value which another one was told: %d\n", duplicates)
	}
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}
