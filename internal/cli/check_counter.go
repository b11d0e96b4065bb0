package cli

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"

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
	amends: amends{history.Increment, "a counter", "counters"},
}

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
	table := newTable(w)
	fmt.Fprintln(table, "counter\tacknowledged\tfailed\tunknown\tbegan at\tfinal\tlost\tverdict")
	for _, t := range tallies[:min(len(tallies), maxRows)] {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n",
			printable(t.Key), t.Acknowledged, t.Failed, t.Unknown, beganAt(t), known(t.Final), t.Lost, t.Verdict)
	}
	_ = table.Flush()
	leftOutText(w, len(tallies))
	var all []check.Witness
	var duplicates int64
	for _, t := range tallies {
		all = append(all, t.Witnesses...)
		duplicates += t.Duplicates
	}
	witnessesText(w, all)
	if len(all) > 0 && duplicates > 0 {
		fmt.Fprintf(w, "\nAcknowledged increments that returned the same value as another one: %d\n", duplicates)
	}
}

func beganAt(t check.Tally) string {
	if t.InitialKnown {
		return strconv.FormatInt(t.Initial, 10)
	}
	return strconv.FormatInt(t.Initial, 10) + "?"
}
