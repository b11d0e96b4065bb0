package cli

import (
	"fmt"
	"io"
	"iter"

	"example.com/contend/check"
	"example.com/contend/history"
)

var setChecker = checker{
	name:  "set",
	short: "Is the row of every acknowledged write there, exactly once?",
	long: `set judges whether the row of every acknowledged write is there in the end,
exactly once. Each write has a tag of its own as its key; a final-row op says
that the row with a tag was found, and a final-read of the key "data" closes the
reading and says how many there were. Writes that ended unknown may be there or
not; writes that failed must not.`,
	example: `  contend check set runs/latest/recordings/*/history.jsonl
  contend check set --json mine.jsonl | jq '.histories[] | {acknowledged, lost, recovered}'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Set(ops)
		return judged{
			verdict: found.Verdict,
			document: struct {
				History string `json:"history"`
				check.Rows
			}{name, found},
			text: func(w io.Writer) {
				fmt.Fprintf(w, "%s: %s\n", found.Verdict, found.Reason)
				rowsText(w, &found.RowCounts)
				witnessesText(w, found.Witnesses)
			},
		}
	},
}

// rowsText prints what became of writes and rows.
func rowsText(w io.Writer, n *check.RowCounts) {
	figuresText(w, "acknowledged\tfailed\tunknown\trows\tpresent\tlost\trecovered\tresurrected\tduplicated\tunexpected",
		"%d\t%d\t%d\t%s\t%d\t%s\t%d\t%d\t%d\t%d", n.Acknowledged, n.Failed, n.Unknown,
		known(n.Found), n.Present, n.Lost, n.Recovered, n.Resurrected, n.Duplicated, n.Unexpected)
}
