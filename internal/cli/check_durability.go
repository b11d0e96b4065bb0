package cli

import (
	"fmt"
	"io"
	"iter"

	"example.com/contend/check"
	"example.com/contend/history"
)

var durabilityChecker = checker{
	name:  "durability",
	short: "Did every acknowledged write outlive the crashes?",
	long: `durability judges what set judges, over a history in which nodes were killed, and
lays each lost write at the first crash after its acknowledgement. A crash op
names the node as its key, and says when it was killed (invoked) and when it
served again (returned). A recovered op says how many rows were counted while no
node ran: fewer than had been acknowledged is a loss, whatever is found in the
end. Where nothing crashed the verdict is inconclusive.`,
	example: `  contend check durability runs/latest/recordings/*/history.jsonl
  contend check durability --json mine.jsonl | jq '.histories[].crashes'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Durability(ops)
		return judged{
			verdict: found.Verdict,
			document: struct {
				History string `json:"history"`
				check.Survival
			}{name, found},
			text: func(w io.Writer) { survivalText(w, found) },
		}
	},
}

func survivalText(w io.Writer, found check.Survival) {
	fmt.Fprintf(w, "%s: %s\n", found.Verdict, found.Reason)
	rowsText(w, &found.RowCounts)
	if len(found.Crashes) > 0 {
		fmt.Fprintln(w)
		table := newTable(w)
		fmt.Fprintln(table, "crash\tkilled at ms\tserving at ms\tlost")
		for _, c := range found.Crashes[:min(len(found.Crashes), maxRows)] {
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\n", printable(c.Node), ms(c.Killed), ms(c.Serving), c.Lost)
		}
		_ = table.Flush()
		leftOutText(w, len(found.Crashes))
	}
	witnessesText(w, found.Witnesses)
}
