package cli

import (
	"fmt"
	"io"
	"iter"

	"example.com/contend/check"
	"example.com/contend/history"
)

var bankChecker = checker{
	name:  "bank",
	short: "Is all the money there, and does every balance add up?",
	long: `bank judges whether money was conserved: every total, and the final balances
together, must be what the initial balances are together. And it judges whether
every final balance is the initial one with the acknowledged transfers, and with
some choice of those that ended unknown. A balance that ends below zero refutes
the claim too. Every account needs a reset and a final-read.`,
	example: `  contend check bank runs/latest/recordings/*/history.jsonl
  contend check bank --json mine.jsonl | jq '.histories[] | {initial, final, lowest, highest}'`,
	judge: func(name string, ops iter.Seq[history.Op]) judged {
		found := check.Bank(ops)
		return judged{
			verdict: found.Verdict,
			document: struct {
				History string `json:"history"`
				check.Balances
			}{name, found},
			text: func(w io.Writer) { balancesText(w, found) },
		}
	},
}

func balancesText(w io.Writer, found check.Balances) {
	fmt.Fprintf(w, "%s: %s\n", found.Verdict, found.Reason)
	figuresText(w, "acknowledged\tfailed\tunknown\tinitial\tfinal\ttotals\twrong\tlowest\thighest",
		"%d\t%d\t%d\t%s\t%s\t%d\t%d\t%s\t%s", found.Acknowledged, found.Failed, found.Unknown,
		known(found.Initial), known(found.Final), found.Totals, found.Wrong, known(found.Lowest), known(found.Highest))
	if len(found.Accounts) > 0 {
		fmt.Fprintln(w)
		table := newTable(w)
		fmt.Fprintln(table, "account\tinitial\treceived\tsent\texpected\tfinal\toff")
		for _, a := range found.Accounts[:min(len(found.Accounts), maxRows)] {
			expected := "?"
			if a.Initial.Valid {
				expected = a.Expected.String()
			}
			fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%d\n", printable(a.Key), known(a.Initial), a.Received, a.Sent, expected, known(a.Final), a.Off)
		}
		_ = table.Flush()
		leftOutText(w, len(found.Accounts))
	}
	witnessesText(w, found.Witnesses)
}
